/*
 * POST /devices/query: a part of IoT Hub's query language, in pages.
 *
 * SELECT * | COUNT() AS name | path [AS name], … FROM devices [WHERE …], with
 * comparisons, AND, OR, NOT, IN, IS_DEFINED, STARTSWITH, ENDSWITH.
 */
import * as devices from './devices.mjs';
import { Refusal } from './errors.mjs';
import { isObject } from './registry.mjs';
import { settings } from './settings.mjs';

const PAGE_MAX = 1000;
const PAGE = 100;
const KINDS = 8; // parsed queries kept

const TOKEN = new RegExp([
  '\\s+', "'(?:[^'\\\\]|\\\\.)*'", '"(?:[^"\\\\]|\\\\.)*"', '-?\\d+(?:\\.\\d+)?',
  '[A-Za-z_$][\\w$]*(?:\\.[\\w$-]+|\\[\'[^\']*\'\\])*', '<=', '>=', '!=', '<>',
  '[=<>(),*\\[\\]]',
].map((part) => `(?:${part})`).join('|'), 'gy');

const bad = (text) => new Refusal('ArgumentInvalid', `query: ${text}`);

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match)
      throw bad(`not understood at ${at}`);
    if (match[0].trim() !== '')
      found.push(match[0]);
  }
  return found;
}

/* Of what is read: { words, at }. */
const peek = (from) => from.words[from.at]?.toUpperCase();

function take(from, word) {
  if (peek(from) !== word)
    return false;
  from.at++;
  return true;
}

function need(from, word) {
  if (!take(from, word))
    throw bad(`${word} expected, not ${from.words[from.at]}`);
}

function next(from) {
  if (from.at >= from.words.length)
    throw bad('ends too early');
  return from.words[from.at++];
}

/* ---- values -------------------------------------------------------------- */

function pathOf(word) {
  const path = word.replace(/\['([^']*)'\]/g, '.$1').split('.');
  return path.length > 1 && ['devices', 'c'].includes(path[0])
    ? path.slice(1) : path;
}

function at(twin, path) {
  let value = twin;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key))
      return undefined;
    value = value[key];
  }
  return value;
}

function literal(word) {
  if (/^['"]/.test(word))
    return word.slice(1, -1).replace(/\\(.)/g, '$1');
  if (/^(true|false|null)$/i.test(word))
    return JSON.parse(word.toLowerCase());
  if (/^-?\d/.test(word))
    return Number(word);
  return undefined;
}

function operand(from) {
  const word = next(from);
  const value = literal(word);
  if (value !== undefined)
    return () => value;
  if (!/^[A-Za-z_$]/.test(word))
    throw bad(`a value expected, not ${word}`);
  const path = pathOf(word);
  return (twin) => at(twin, path);
}

/* ---- conditions ---------------------------------------------------------- */

const COMPARE = {
  '=': (a, b) => a === b, '!=': (a, b) => a !== b, '<>': (a, b) => a !== b,
  '<': (a, b) => a < b, '>': (a, b) => a > b,
  '<=': (a, b) => a <= b, '>=': (a, b) => a >= b,
};

const FUNCTIONS = {
  IS_DEFINED: (a) => a !== undefined,
  STARTSWITH: (a, b) => typeof a === 'string' && a.startsWith(b),
  ENDSWITH: (a, b) => typeof a === 'string' && a.endsWith(b),
};

function listOf(from, close) {
  const found = [operand(from)];
  while (take(from, ','))
    found.push(operand(from));
  need(from, close);
  return found;
}

function called(from, name) {
  need(from, '(');
  const given = listOf(from, ')');
  const work = FUNCTIONS[name];
  return (twin) => work(...given.map((value) => value(twin)));
}

function comparison(from) {
  const left = operand(from);
  if (take(from, 'IN')) {
    need(from, '[');
    const list = listOf(from, ']');
    return (twin) => list.some((value) => value(twin) === left(twin));
  }
  const compare = COMPARE[next(from)];
  if (!compare)
    throw bad('a comparison expected');
  const right = operand(from);
  return (twin) => {
    const value = left(twin);
    return value !== undefined && compare(value, right(twin));
  };
}

function factor(from) {
  if (take(from, 'NOT')) {
    const inner = factor(from);
    return (twin) => !inner(twin);
  }
  if (take(from, '(')) {
    const inner = either(from);
    need(from, ')');
    return inner;
  }
  const name = peek(from);
  if (name in FUNCTIONS) {
    from.at++;
    return called(from, name);
  }
  return comparison(from);
}

function both(from) {
  let left = factor(from);
  while (take(from, 'AND')) {
    const before = left;
    const right = factor(from);
    left = (twin) => before(twin) && right(twin);
  }
  return left;
}

function either(from) {
  let left = both(from);
  while (take(from, 'OR')) {
    const before = left;
    const right = both(from);
    left = (twin) => before(twin) || right(twin);
  }
  return left;
}

/* ---- the whole ----------------------------------------------------------- */

function columns(from) {
  const found = [];
  if (take(from, '*'))
    return null;
  do {
    const word = next(from);
    const counts = word.toUpperCase() === 'COUNT';
    if (counts) {
      need(from, '(');
      need(from, ')');
    }
    const path = pathOf(word);
    const name = take(from, 'AS') ? next(from) : path.at(-1);
    found.push({ path, name, counts });
  } while (take(from, ','));
  return found;
}

function parse(text) {
  const from = { words: tokens(text), at: 0 };
  need(from, 'SELECT');
  const select = columns(from);
  need(from, 'FROM');
  need(from, 'DEVICES');
  const where = take(from, 'WHERE') ? either(from) : () => true;
  if (from.at < from.words.length)
    throw bad(`${from.words[from.at]} is not expected`);
  return { select, where };
}

const kept = new Map();

function parsed(text) {
  let query = kept.get(text);
  if (!query) {
    query = parse(text);
    kept.set(text, query);
    if (kept.size > KINDS)
      kept.delete(kept.keys().next().value);
  }
  return query;
}

function shown(twin, select) {
  if (select === null)
    return twin;
  const row = {};
  for (const { path, name } of select) {
    const value = at(twin, path);
    if (value !== undefined)
      row[name] = value;
  }
  return row;
}

function counted(query) {
  let n = 0;
  for (const { device } of devices.since(0))
    n += query.where(devices.twin(device)) ? 1 : 0;
  return { body: [{ [query.select[0].name]: n }],
    headers: { 'x-ms-item-type': 'Raw' } };
}

/* The place to go on from, and of which query it is. */
function placeOf(token, text) {
  if (!token)
    return 0;
  const [from, size] = Buffer.from(token, 'base64').toString().split(':');
  if (!/^\d+$/.test(from) || Number(size) !== text.length)
    throw bad('x-ms-continuation is not of this query');
  return Number(from);
}

function sizeOf(headers) {
  const size = Number(headers['x-ms-max-item-count'] || PAGE);
  if (!Number.isInteger(size) || size < 1)
    throw bad('x-ms-max-item-count');
  return Math.min(size, PAGE_MAX);
}

export function query({ headers, body }) {
  if (settings.tier === 'basic')
    throw new Refusal('OperationNotAvailableInCurrentTier');
  if (!isObject(body) || typeof body.query !== 'string')
    throw bad('none in the body');
  const asked = parsed(body.query);
  if (asked.select?.[0].counts)
    return counted(asked);
  const size = sizeOf(headers);
  const page = [];
  const more = { 'x-ms-item-type': asked.select ? 'Raw' : 'Twin' };
  let place = placeOf(headers['x-ms-continuation'], body.query);
  for (const { device, next: after } of devices.since(place)) {
    const twin = devices.twin(device);
    if (asked.where(twin)) {
      if (page.length === size) {
        more['x-ms-continuation'] =
          Buffer.from(`${place}:${body.query.length}`).toString('base64');
        break;
      }
      page.push(shown(twin, asked.select));
    }
    place = after;
  }
  return { body: page, headers: more };
}
