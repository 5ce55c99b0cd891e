/*
 * What tests say to the stand-in; README.md lists it.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import * as assertion from './assertion.mjs';
import * as devices from './devices.mjs';
import * as faults from './faults.mjs';
import { meddle } from './hub.mjs';
import { policies, signatureMake } from './hubauth.mjs';
import * as log from './log.mjs';
import * as managed from './managed.mjs';
import * as registry from './registry.mjs';
import * as settings from './settings.mjs';
import * as throttle from './throttle.mjs';
import * as tokens from './tokens.mjs';
import { write } from './twins.mjs';

const { clock } = settings;
const ok = { json: { ok: true } };

const counters = () => ({ ...log.counts(), devices: devices.count(),
  writes: devices.writes, throttled: throttle.throttled(),
  tokens: tokens.count(), process: { rss: process.memoryUsage.rss(),
    cpu: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 } });

const whole = (d) => ({ identity: devices.identity(d), twin: devices.twin(d),
  writes: { identity: d.identityWrites, twin: d.twinWrites } });

/* ---- what there is, a piece at a time ------------------------------------ */

function* joined(head, show, tail) {
  let text = head;
  let first = true;
  for (const device of devices.all()) {
    text += `${first ? '' : ',\n'}${JSON.stringify(show(device))}`;
    first = false;
    if (text.length > 256 * 1024) {
      yield text;
      text = '';
    }
  }
  yield text + tail;
}

function state(query) {
  const id = query.get('id');
  if (id !== null)
    return { json: whole(registry.known(id)) };
  return { pieces: joined('{"devices":[\n', whole, `\n],"counters":${
    JSON.stringify(counters())},"settings":${
    JSON.stringify(settings.settings)}}\n`) };
}

const twins = () => ({ pieces: joined('[\n', devices.twin, '\n]\n') });

function cell(shown, path) {
  const value = path.reduce((inner, key) => inner?.[key], shown);
  return typeof value === 'object' && value !== null
    ? JSON.stringify(value) : String(value ?? '');
}

function table(query) {
  const fields = (query.get('fields') ?? 'deviceId').split(',')
    .map((field) => field.split('.'));
  const lines = [];
  for (const d of devices.all()) {
    const { identity, twin, writes } = whole(d);
    const shown = { ...twin, ...identity, tags: twin.tags, writes,
      twinEtag: twin.etag };
    lines.push([d.id, fields.map((path) => cell(shown, path)).join('\t')]);
  }
  lines.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  return { text: lines.map(([, line]) => `${line}\n`).join('') };
}

/* ---- what is changed ----------------------------------------------------- */

function reset() {
  devices.clear();
  faults.clear();
  throttle.set(null);
  settings.reset();
  assertion.resetSeen();
  managed.reset();
  log.clear();
  log.reset();
  return ok;
}

function load(query, { count = 0, prefix = 'dev-', start = 1, digits = 6,
  type = 'selfSigned', tags }) {
  for (let n = start; n < start + count; n++) {
    const id = prefix + String(n).padStart(digits, '0');
    const print = crypto.createHash('sha256').update(id).digest('hex');
    const authentication = { type };
    if (type === 'selfSigned')
      authentication.x509Thumbprint = { primaryThumbprint: print.toUpperCase() };
    const device = registry.create(registry.idCheck(id),
      registry.wantedOf({ authentication }));
    if (tags)
      write(device, { tags: structuredClone(tags) }, true);
  }
  return { json: { devices: devices.count() } };
}

function skew(query, { skew: seconds }) {
  if (typeof seconds !== 'number')
    throw new Error('skew: seconds');
  clock.skew = seconds;
  return ok;
}

function apps(query, { clientId, certificate, actions }) {
  const app = tokens.principals.get(clientId) ?? { actions: tokens.ACTIONS };
  if (typeof clientId !== 'string')
    throw new Error('clientId: which one?');
  if (certificate !== undefined)
    app.certificate = new crypto.X509Certificate(certificate);
  if (actions !== undefined)
    app.actions = actions;
  tokens.principals.set(clientId, app);
  return ok;
}

/* ---- federation ---------------------------------------------------------- */

const cluster = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const ISSUER = 'https://cluster.example';
const SUBJECT = 'system:serviceaccount:edge:microca';
let federatedFile = '';

export function federate(file) {
  federatedFile = file;
  tokens.principals.get(tokens.APP).federated =
    { issuer: ISSUER, subject: SUBJECT, key: cluster.publicKey };
  federated(null, {});
}

function federated(query, { subject = SUBJECT, issuer = ISSUER,
  audience = 'api://AzureADTokenExchange', lifetime = 3600 }) {
  const now = clock.seconds();
  const token = tokens.sign({ kid: 'cluster' }, { aud: [audience], iss: issuer,
    sub: subject, iat: now, nbf: now, exp: now + lifetime },
  cluster.privateKey);
  fs.writeFileSync(`${federatedFile}.new`, token, { mode: 0o600 });
  fs.renameSync(`${federatedFile}.new`, federatedFile);
  return ok;
}

/* ---- requests ------------------------------------------------------------ */

function sas(query) {
  const name = query.get('policy') ?? 'edge';
  if (!policies.has(name))
    throw new Error(`no such policy: ${name}`);
  return { text: signatureMake(name, Number(query.get('seconds') ?? 3600)) };
}

function device(query, body) {
  meddle(body);
  return ok;
}

const asked = (work) => (query, body) => { work(body); return ok; };

const ROUTES = {
  'GET /state': state,
  'GET /twins': twins,
  'GET /table': table,
  'POST /reset': reset,
  'POST /load': load,
  'POST /device': device,
  'DELETE /device': (query) =>
    device(query, { deviceId: query.get('id'), what: 'delete' }),
  'POST /clock': skew,
  'GET /settings': () => ({ json: settings.settings }),
  'POST /settings': (query, body) => ({ json: settings.change(body) }),
  'POST /throttle': asked(throttle.set),
  'POST /faults': asked(faults.add),
  'GET /faults': () => ({ json: faults.show() }),
  'DELETE /faults': asked(faults.clear),
  'GET /counters': () => ({ json: counters() }),
  'GET /log': () => ({ text: log.read() }),
  'DELETE /log': asked(log.clear),
  'GET /sas': sas,
  'POST /token': (query, body) => ({ text: tokens.issue(body).token }),
  'POST /tokens/expire': asked(tokens.expire),
  'POST /federated': federated,
  'POST /apps': apps,
};

function stream(rs, pieces) {
  /* Not for…of: leaving that ends the generator. */
  for (let piece = pieces.next(); !piece.done; piece = pieces.next())
    if (!rs.write(piece.value)) {
      rs.once('drain', () => stream(rs, pieces));
      return;
    }
  rs.end();
}

function answer(rs, { json, text, pieces }) {
  if (pieces) {
    rs.writeHead(200, { 'Content-Type': 'application/json' });
    stream(rs, pieces);
    return;
  }
  rs.writeHead(200, { 'Content-Type':
    json === undefined ? 'text/plain' : 'application/json' });
  rs.end(json === undefined ? text : `${JSON.stringify(json)}\n`);
}

function perform(rq, rs, raw) {
  const { pathname, searchParams } = new URL(rq.url, 'http://control');
  const work = ROUTES[`${rq.method} ${pathname}`];
  try {
    if (!work)
      throw new Error(`no such request: ${rq.method} ${pathname}`);
    log.flush();
    answer(rs, work(searchParams, raw === '' ? {} : JSON.parse(raw)));
  } catch (e) {
    rs.writeHead(e.status ?? 400, { 'Content-Type': 'text/plain' });
    rs.end(`${e.message}\n`);
  }
}

export function handler(rq, rs) {
  let raw = '';
  rq.setEncoding('utf8');
  rq.on('data', (chunk) => { raw += chunk; });
  rq.on('end', () => perform(rq, rs, raw));
}
