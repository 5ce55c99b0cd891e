/*
 * One request from its first octet to its end, faults and the log included.
 *
 * A service has: name, route(ask) for the operation, before(ask) for checks
 * and the time to wait, work(ask) for the answer, failure(error) and
 * status(n, code) for answers that are none.
 */
import crypto from 'node:crypto';
import * as faults from './faults.mjs';
import * as log from './log.mjs';
import { meddle } from './hub.mjs';
import { clock } from './settings.mjs';
import * as tokens from './tokens.mjs';

const HARD_MAX = 4 * 1024 * 1024;
const JSON_TYPE = 'application/json; charset=utf-8';

/* ---- answers ------------------------------------------------------------- */

let dateText = '';
let dateSecond = 0;

function date() {
  const second = clock.seconds();
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

function textOf(answer) {
  if (answer.text !== undefined)
    return answer.text;
  return answer.body === undefined ? '' : JSON.stringify(answer.body);
}

function headersOf(answer, text) {
  const headers = {
    'Content-Length': Buffer.byteLength(text), Date: date(),
    Server: 'Microsoft-HTTPAPI/2.0', 'x-ms-request-id': crypto.randomUUID(),
    Vary: 'Origin', ...answer.headers,
  };
  if (text !== '' && !headers['Content-Type'])
    headers['Content-Type'] = JSON_TYPE;
  return headers;
}

function send(exchange, answer) {
  const text = textOf(answer);
  exchange.rs.writeHead(answer.status ?? 200, headersOf(answer, text));
  exchange.rs.end(text);
}

const cut = ({ rq }) => rq.socket.destroy();

function truncate(exchange, answer) {
  const text = textOf(answer);
  exchange.rs.writeHead(answer.status ?? 200, headersOf(answer, text));
  exchange.rs.write(text.slice(0, text.length >> 1), () => cut(exchange));
}

function dribble(exchange, answer, ms) {
  const text = textOf(answer);
  const step = Math.max(1, Math.ceil(text.length / 20));
  exchange.rs.writeHead(answer.status ?? 200, headersOf(answer, text));
  const more = (at) => {
    exchange.rs.write(text.slice(at, at + step));
    if (at + step >= text.length)
      exchange.rs.end();
    else
      setTimeout(more, ms / 20, at + step);
  };
  more(0);
}

/* ---- faults -------------------------------------------------------------- */

function instead({ service, fault }) {
  const answer = service.status(fault.status, fault.code);
  Object.assign(answer.headers ??= {}, fault.headers);
  if (fault.body !== undefined)
    answer[typeof fault.body === 'string' ? 'text' : 'body'] = fault.body;
  return answer;
}

function race({ ask, fault }) {
  meddle({ deviceId: ask.id, what: fault.what ?? 'both', ...fault.change });
}

const later = (work, ms) => (ms > 0 ? setTimeout(work, ms) : work());

/* What a rule does to the end of an exchange. */
const ENDS = {
  cut,
  hang() {},
  truncate,
  status: (exchange) => finish(exchange, instead(exchange)),
  slow: (exchange, answer) => dribble(exchange, answer, exchange.fault.ms ?? 0),
  garbage: (exchange) => finish(exchange, { headers: { 'Content-Type': JSON_TYPE },
    text: exchange.fault.body ?? '{"deviceId": <html>\u0000' }),
  delay: (exchange, answer) =>
    later(() => finish(exchange, answer), exchange.fault.ms ?? 0),
  race(exchange, answer) {
    try {
      race(exchange);
    } catch (e) {
      finish(exchange, exchange.service.failure(e));
      return;
    }
    finish(exchange, answer);
  },
};

/* … and to its beginning: false, when it ends there. */
const STARTS = {
  race: (exchange) => { race(exchange); return true; },
  partial: ({ ask, fault }) => { ask.partial = fault; return true; },
  expire: () => { tokens.expire(); return true; },
};

function finish(exchange, answer) {
  log.write(exchange, answer);
  send(exchange, answer);
}

/* Written before it is sent: who has an answer finds its line. */
function end(exchange, answer) {
  const { fault } = exchange;
  if (fault?.when !== 'after' || !ENDS[fault.do]) {
    finish(exchange, answer);
    return;
  }
  if (['cut', 'hang', 'truncate', 'slow'].includes(fault.do))
    log.write(exchange, answer);
  ENDS[fault.do](exchange, answer);
}

/* ---- the way through ----------------------------------------------------- */

function guarded(exchange, work) {
  try {
    return work();
  } catch (e) {
    end(exchange, exchange.service.failure(e));
    return undefined;
  }
}

function perform(exchange) {
  const answer = guarded(exchange, () => exchange.service.work(exchange.ask));
  if (answer !== undefined)
    end(exchange, answer);
}

function begin(exchange) {
  const wait = guarded(exchange, () => exchange.service.before(exchange.ask));
  if (wait !== undefined)
    later(() => perform(exchange), wait);
}

function handle(exchange) {
  const { fault } = exchange;
  if (fault?.when !== 'before') {
    begin(exchange);
  } else if (fault.do in STARTS) {
    if (guarded(exchange, () => STARTS[fault.do](exchange)))
      begin(exchange);
  } else if (fault.do === 'delay') {
    later(() => begin(exchange), fault.ms ?? 0);
  } else {
    if (fault.do !== 'status')
      log.write(exchange, {});
    ENDS[fault.do](exchange);
  }
}

function askOf(service, rq, raw, size) {
  const at = rq.url.indexOf('?');
  const path = at < 0 ? rq.url : rq.url.slice(0, at);
  const ask = {
    service: service.name, method: rq.method, headers: rq.headers, path, raw,
    search: at < 0 ? '' : rq.url.slice(at + 1), op: undefined, body: undefined,
    tooLarge: size > service.bodyMax,
  };
  ask.query = new URLSearchParams(ask.search);
  ask.op = service.route(ask);
  return ask;
}

/* What http.createServer() calls, for one service. */
export function handler(service) {
  return (rq, rs) => {
    const chunks = [];
    let size = 0;
    rq.on('data', (chunk) => {
      size += chunk.length;
      if (size <= HARD_MAX)
        chunks.push(chunk);
    });
    rq.on('end', () => {
      const raw = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      const ask = askOf(service, rq, raw, size);
      handle({ service, rq, rs, ask, fault: faults.pick(ask) });
    });
  };
}
