/*
 * A hub for the tests of the uploader's runs: IoT Hub's registry, twins, bulk
 * creation and query as far as certificates are concerned, conditions and etags
 * included, and breaking down as often as it is told to.
 *
 * usage: node hub.mjs FOLDER
 *
 * FOLDER has hub.pem, hub.key and `sas`, the key of policy "edge"; the port is
 * written to FOLDER/port.  Beside the hub's own requests, without a signature:
 * GET /test/twins (all of them), POST /test/faults {"rate":0.2} (of answers that
 * are 500, or none, after the work is done), POST /test/device (somebody else
 * writes there), GET /test/counts.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';

const folder = process.argv[2];
const file = (name) => path.join(folder, name);
const key = Buffer.from(fs.readFileSync(file('sas'), 'utf8').trim(), 'base64');
const devices = new Map(); // id: { identity, tags, version }
const counts = { requests: 0, writes: 0 };
let faults = 0;
let counter = 945273454;

const CODES = {
  400: 'ArgumentInvalid', 401: 'IotHubUnauthorizedAccess',
  404: 'DeviceNotFound', 409: 'DeviceAlreadyExists', 412: 'PreconditionFailed',
  413: 'TooManyDevices', 500: 'ServerError',
};

class Refusal extends Error {
  constructor(status) {
    super(CODES[status]);
    this.status = status;
  }
}

/* Decimal and counted up for an identity, eight octets for a twin. */
function identityEtag() {
  counter++;
  return Buffer.from(String(counter)).toString('base64');
}

function twinEtag(version) {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt(version));
  return octets.toString('base64');
}

function signed(rq) {
  const given = /^SharedAccessSignature (.*)$/.exec(rq.headers.authorization);
  if (!given)
    return false;
  const field = Object.fromEntries(given[1].split('&').map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
  const mac = crypto.createHmac('sha256', key)
    .update(`${field.sr}\n${field.se}`).digest('base64');
  return field.skn === 'edge' && field.se > Date.now() / 1000 &&
    decodeURIComponent(field.sig) === mac;
}

/* ---- registry ------------------------------------------------------------- */

/* Without authentication a hub makes keys: the device is nobody's then. */
function authentication(body) {
  const given = body.authentication ?? { type: 'sas' };
  const print = given.x509Thumbprint ?? {};
  for (const value of [print.primaryThumbprint, print.secondaryThumbprint])
    if (value && !/^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/.test(value))
      throw new Refusal(400);
  return {
    type: given.type,
    symmetricKey: { primaryKey: null, secondaryKey: null },
    x509Thumbprint: {
      primaryThumbprint: print.primaryThumbprint ?? null,
      secondaryThumbprint: print.secondaryThumbprint ?? null,
    },
  };
}

function fill(identity, body) {
  identity.status = body.status ?? 'enabled';
  identity.statusReason = body.statusReason ?? null;
  identity.authentication = authentication(body);
  identity.etag = identityEtag();
  counts.writes++;
  return identity;
}

function create(id, body) {
  const identity = fill({
    deviceId: id, generationId: String(counter), etag: '',
    connectionState: 'Disconnected', status: '', statusReason: null,
    connectionStateUpdatedTime: '0001-01-01T00:00:00Z',
    statusUpdatedTime: '0001-01-01T00:00:00Z',
    lastActivityTime: '0001-01-01T00:00:00Z', cloudToDeviceMessageCount: 0,
    authentication: null, capabilities: { iotEdge: false },
  }, body);
  devices.set(id, { identity, tags: body.tags ?? {}, version: 1 });
  return identity;
}

function bulk(items) {
  const errors = [];
  if (items.length > 100)
    throw new Refusal(413);
  for (const item of items)
    if (item.importMode.toLowerCase() !== 'create')
      throw new Refusal(400);
    else if (devices.has(item.id))
      errors.push({ deviceId: item.id, errorCode: CODES[409], errorStatus: '' });
    else
      create(item.id, item);
  return {
    status: errors.length === 0 ? 200 : 400,
    body: { isSuccessful: errors.length === 0, errors, warnings: [] },
  };
}

function known(id) {
  const device = devices.get(id);
  if (!device)
    throw new Refusal(404);
  return device;
}

function condition(rq) {
  return rq.headers['if-match']?.replace(/^"|"$/g, '');
}

function registry(rq, id, body) {
  if (rq.method === 'POST' && id === undefined)
    return bulk(body);
  if (rq.method === 'GET')
    return { body: known(id).identity };
  if (rq.method === 'DELETE') {
    known(id);
    devices.delete(id);
    return { status: 204 };
  }
  if (rq.method !== 'PUT' || body.deviceId !== id)
    throw new Refusal(400);
  const match = condition(rq);
  if (!match) {
    if (devices.has(id))
      throw new Refusal(409);
    return { body: create(id, body) };
  }
  const { identity } = known(id);
  if (match !== '*' && match !== identity.etag)
    throw new Refusal(412);
  return { body: fill(identity, body) };
}

/* ---- twins ---------------------------------------------------------------- */

function twin({ identity, tags, version }) {
  return {
    deviceId: identity.deviceId, etag: twinEtag(version),
    deviceEtag: identity.etag, status: identity.status,
    statusReason: identity.statusReason,
    authenticationType: identity.authentication.type,
    x509Thumbprint: identity.authentication.x509Thumbprint,
    version, tags, properties: { desired: {}, reported: {} },
  };
}

function merge(old, patch) {
  for (const [name, value] of Object.entries(patch))
    if (value === null) {
      delete old[name];
    } else if (typeof value === 'object' && !Array.isArray(value)) {
      if (old[name] === null || typeof old[name] !== 'object')
        old[name] = {};
      merge(old[name], value);
    } else {
      old[name] = value;
    }
}

function twins(rq, id, body) {
  const device = known(id);
  if (rq.method === 'PATCH') {
    const match = condition(rq);
    if (match && match !== '*' && match !== twinEtag(device.version))
      throw new Refusal(412);
    merge(device.tags, body.tags ?? {});
    device.version++;
    counts.writes++;
  } else if (rq.method !== 'GET') {
    throw new Refusal(400);
  }
  return { body: twin(device) };
}

/* SELECT … WHERE tags.microca.edge = '…', in pages. */
function query(rq, body) {
  const edge = /tags\.microca\.edge\s*=\s*'([^']*)'/.exec(body.query);
  if (!edge)
    throw new Refusal(400);
  const all = [...devices.values()]
    .filter((d) => d.tags.microca?.edge === edge[1]).map(twin);
  const size = Number(rq.headers['x-ms-max-item-count'] ?? 100);
  const from = Number(rq.headers['x-ms-continuation'] ?? 0);
  const headers = from + size < all.length
    ? { 'x-ms-continuation': String(from + size) } : {};
  return { body: all.slice(from, from + size), headers };
}

/* ---- requests ------------------------------------------------------------- */

function test(rq, what, body) {
  if (what === 'device') {
    const device = devices.get(body.deviceId);
    if (device)
      fill(device.identity, body);
    else
      create(body.deviceId, body);
  }
  if (what === 'faults')
    faults = body.rate;
  if (what === 'twins')
    return { body: [...devices.values()].map(twin) };
  return { body: counts };
}

function work(rq, body) {
  const url = new URL(rq.url, 'https://hub');
  const [, collection, name] = url.pathname.split('/');
  const id = name === undefined ? undefined : decodeURIComponent(name);
  if (collection === 'test')
    return test(rq, id, body);
  counts.requests++;
  if (!signed(rq))
    throw new Refusal(401);
  if (url.searchParams.get('api-version') !== '2021-04-12')
    throw new Refusal(400);
  if (collection === 'devices' && id === 'query' && rq.method === 'POST')
    return query(rq, body);
  if (collection === 'devices')
    return registry(rq, id, body);
  if (collection === 'twins' && id !== undefined)
    return twins(rq, id, body);
  throw new Refusal(400);
}

function answer(rs, { status = 200, body, headers = {} }) {
  const text = body === undefined ? '' : JSON.stringify(body);
  rs.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text), ...headers,
  });
  rs.end(text);
}

function refuse(rs, status) {
  answer(rs, {
    status,
    headers: { 'iothub-errorcode': CODES[status] },
    body: {
      Message: `ErrorCode:${CODES[status]};${CODES[status]}`,
      ExceptionMessage: 'Tracking ID:0-G:0-TimeStamp:0',
    },
  });
}

function handle(rq, rs, text) {
  let result;
  let status;
  try {
    result = work(rq, text === '' ? {} : JSON.parse(text));
  } catch (e) {
    status = e instanceof Refusal ? e.status : 400;
  }
  if (!rq.url.startsWith('/test/') && Math.random() < faults) {
    if (Math.random() < 0.5)
      rq.socket.destroy();
    else
      refuse(rs, 500);
    return;
  }
  if (status)
    refuse(rs, status);
  else
    answer(rs, result);
}

const server = https.createServer({
  cert: fs.readFileSync(file('hub.pem')), key: fs.readFileSync(file('hub.key')),
}, (rq, rs) => {
  let text = '';
  rq.setEncoding('utf8');
  rq.on('data', (chunk) => { text += chunk; });
  rq.on('end', () => handle(rq, rs, text));
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(file('port.new'), String(server.address().port));
  fs.renameSync(file('port.new'), file('port'));
});
