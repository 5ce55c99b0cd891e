/*
 * Every request as a line of JSON, and counted.  Of secrets nothing is kept.
 */
import fs from 'node:fs';
import { settings } from './settings.mjs';

const SHOWN = ['if-match', 'content-type', 'accept', 'user-agent', 'request-id',
  'metadata', 'x-ms-max-item-count', 'x-ms-continuation', 'host'];
const FLUSH = 64 * 1024;
const KEY_DEPTH = 8;

let fd = -1;
let file = '';
let waiting = '';
let timer = null;
let counters;

export function reset() {
  counters = { requests: 0, services: {}, operations: {}, statuses: {},
    faults: 0, perSecondMax: 0 };
}
reset();

let second = 0;
let inSecond = 0;

export function open(name) {
  file = name;
  fd = fs.openSync(name, 'a', 0o600);
}

export function flush() {
  clearTimeout(timer);
  timer = null;
  if (waiting !== '')
    fs.writeSync(fd, waiting);
  waiting = '';
}

export function clear() {
  flush();
  fs.ftruncateSync(fd);
}

export function read() {
  flush();
  return fs.readFileSync(file, 'utf8');
}

export const counts = () => counters;

/* ---- what is said of a body ---------------------------------------------- */

function collect(value, prefix, found, depth) {
  if (Array.isArray(value)) {
    for (const inner of value)
      collect(inner, `${prefix}[]`, found, depth);
  } else if (typeof value === 'object' && value !== null && depth > 0) {
    const names = Object.entries(value);
    for (const [key, inner] of names)
      collect(inner, prefix === '' ? key : `${prefix}.${key}`, found, depth - 1);
    if (names.length === 0 && prefix !== '')
      found.add(prefix);
  } else if (prefix !== '') {
    found.add(prefix);
  }
}

export function keysOf(body) {
  const found = new Set();
  collect(body, '', found, KEY_DEPTH);
  return [...found].sort();
}

function bodyKeys(ask) {
  if (ask.body !== undefined || ask.raw.length === 0)
    return keysOf(ask.body);
  try {
    return keysOf(JSON.parse(ask.raw.toString()));
  } catch {
    return [];
  }
}

function headersOf(headers) {
  const shown = {};
  for (const name of SHOWN)
    if (headers[name] !== undefined)
      shown[name] = headers[name];
  if (headers.authorization !== undefined)
    shown.authorization = headers.authorization.split(' ')[0].slice(0, 30);
  if (headers['x-identity-header'] !== undefined)
    shown['x-identity-header'] = true;
  return shown;
}

/* ---- counting ------------------------------------------------------------ */

const plus = (map, key) => { map[key] = (map[key] ?? 0) + 1; };

function count({ ask, fault }, status) {
  const now = Math.floor(Date.now() / 1000);
  counters.requests++;
  plus(counters.services, ask.service);
  plus(counters.operations, ask.op ?? 'none');
  plus(counters.statuses, status);
  counters.faults += fault ? 1 : 0;
  inSecond = now === second ? inSecond + 1 : 1;
  second = now;
  counters.perSecondMax = Math.max(counters.perSecondMax, inSecond);
}

function lineOf({ ask, fault }, answer, status) {
  return JSON.stringify({
    n: counters.requests, at: Date.now(), service: ask.service, op: ask.op,
    method: ask.method, target: ask.path, query: ask.search,
    headers: headersOf(ask.headers), keys: bodyKeys(ask), status,
    code: answer.code ?? null, fault: fault?.do ?? null,
  });
}

/* `answer`: what is sent, or would be; without: nothing came of it. */
export function write(exchange, answer) {
  const { fault } = exchange;
  const gone = fault && ['cut', 'hang', 'truncate'].includes(fault.do);
  const status = gone ? 0 : answer.status ?? 200;
  count(exchange, status);
  if (!settings.log)
    return;
  waiting += `${lineOf(exchange, answer, status)}\n`;
  if (waiting.length > FLUSH)
    flush();
  else
    timer ??= setTimeout(flush, 20);
}
