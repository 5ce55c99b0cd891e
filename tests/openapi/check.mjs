/*
 * Is docs/connector.yaml, or docs/inventory.yaml, OpenAPI 3.1, and is what was said by it?
 *
 * usage: node openapi.mjs SPEC [EXCHANGES]
 *
 * EXCHANGES has one JSON a line: {"method","path","status","request","answer"},
 * the last two as text or null.  Members that the contract does not describe are
 * faults here, though both sides pass them over.  TAP.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const [specPath, exchangesPath] = process.argv.slice(2);
let n = 0;
let bad = 0;

function ok(name, faults) {
  n++;
  const fine = !faults || faults.length === 0;
  console.log(`${fine ? 'ok' : 'not ok'} ${n} - ${name}`);
  if (!fine) {
    bad++;
    console.log(JSON.stringify(faults, null, 1).replace(/^/gm, '# '));
  }
}

/* Nothing but what is described. */
function strict(schema) {
  if (Array.isArray(schema)) return schema.map((s) => strict(s));
  if (schema === null || typeof schema !== 'object') return schema;
  const out = {};
  for (const [key, value] of Object.entries(schema))
    out[key] = ['if', 'then', 'else', 'not'].includes(key)
      ? value : strict(value);
  if (schema.type === 'object' && schema.properties)
    out.unevaluatedProperties = false;
  return out;
}

function ajvOf(spec) {
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  addFormats(ajv);
  const schemas = {};
  for (const [name, schema] of Object.entries(spec.components.schemas))
    schemas[name] = strict(schema);
  ajv.addSchema({ $id: 'spec', components: { ...spec.components, schemas } });
  return ajv;
}

function operationOf(spec, exchange) {
  for (const [template, item] of Object.entries(spec.paths)) {
    const pattern = new RegExp(
      `^${template.replace(/\./g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`);
    const method = exchange.method === 'HEAD' ? 'get' : exchange.method.toLowerCase();
    if (pattern.test(exchange.path) && item[method]) return item[method];
  }
  return null;
}

/* The schema of a body, by reference where it is one. */
function check(ajv, schema, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (e) {
    return [String(e)];
  }
  const whole = schema.$ref ? { $ref: `spec${schema.$ref}` } : schema;
  const validate = ajv.compile(whole);
  return validate(value) ? [] : validate.errors;
}

function resolve(spec, node) {
  while (node && node.$ref)
    node = node.$ref.slice(2).split('/').reduce((at, key) => at[key], spec);
  return node;
}

function answerFaults(spec, ajv, operation, exchange) {
  const answer = resolve(spec, operation.responses[String(exchange.status)] ??
    operation.responses.default);
  if (!answer) return [`status ${exchange.status} is not described`];
  return check(ajv, answer.content['application/json'].schema, exchange.answer);
}

/* What is no item by the schema is a bad item by the connector, and only that. */
function sentFaults(spec, ajv, operation, exchange) {
  let faults = check(ajv, resolve(spec, operation.requestBody)
    .content['application/json'].schema, exchange.request);
  (JSON.parse(exchange.answer).results ?? []).forEach((result, i) => {
    if (result.code !== 'bad_item') return;
    const others = faults.filter((f) => !`${f.instancePath}/`.startsWith(`/items/${i}/`));
    if (others.length === faults.length)
      others.push(`item ${i} is bad, but not by the schema`);
    faults = others;
  });
  return faults;
}

function exchangeCheck(spec, ajv, exchange, at) {
  const name = `${exchange.method} ${exchange.path} ${exchange.status}`;
  const operation = operationOf(spec, exchange);
  if (!operation) {
    ok(`${name} (line ${at})`, exchange.status === 404 || exchange.status === 405
      ? check(ajv, { $ref: '#/components/schemas/Error' }, exchange.answer)
      : ['no such operation']);
    return;
  }
  if (exchange.status === 200 && exchange.request && operation.requestBody)
    ok(`${name}: what was sent (line ${at})`, sentFaults(spec, ajv, operation, exchange));
  ok(`${name}: what was answered (line ${at})`,
    answerFaults(spec, ajv, operation, exchange));
}

const validator = new Validator();
const verdict = await validator.validate(specPath);
ok(`${path.basename(specPath)} is OpenAPI`, verdict.valid ? [] : verdict.errors);
ok('of version 3.1', validator.version === '3.1' ? [] : [validator.version]);
if (verdict.valid) {
  const spec = validator.specification;
  const ajv = ajvOf(spec);
  for (const name of Object.keys(spec.components.schemas)) {
    let fault = [];
    try {
      ajv.compile({ $ref: `spec#/components/schemas/${name}` });
    } catch (e) {
      fault = [String(e)];
    }
    ok(`schema ${name}`, fault);
  }
  if (exchangesPath) {
    const lines = fs.readFileSync(exchangesPath, 'utf8').split('\n').filter(Boolean);
    lines.forEach((line, i) => exchangeCheck(spec, ajv, JSON.parse(line), i + 1));
  }
}
console.log(`1..${n}`);
process.exit(bad > 0 ? 1 : 0);
