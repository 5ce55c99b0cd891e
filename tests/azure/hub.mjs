/*
 * IoT Hub's requests: which operation one is, its checks, its throttle.
 */
import { bulk } from './bulk.mjs';
import { Refusal, refusalOf, refuse } from './errors.mjs';
import * as devices from './devices.mjs';
import { authorize } from './hubauth.mjs';
import { query } from './query.mjs';
import * as registry from './registry.mjs';
import * as throttle from './throttle.mjs';
import * as twins from './twins.mjs';

export const BODY_MAX = 1024 * 1024;

const VERSIONS = new Set([
  '2018-06-30', '2019-03-30', '2019-10-01', '2020-03-01', '2020-03-13',
  '2020-05-31-preview', '2020-09-30', '2021-04-12', '2022-04-01',
  '2023-06-30', '2024-03-31',
]);

/* What does the work, and which throttle counts it. */
const OPERATIONS = {
  'device.get': [registry.get, 'identity'],
  'device.list': [registry.list, 'identity'],
  statistics: [registry.statistics, 'identity'],
  'device.create': [registry.put, 'identity'],
  'device.update': [registry.put, 'identity'],
  'device.delete': [registry.del, 'identity'],
  'device.bulk': [bulk, 'identity'],
  'twin.get': [twins.get, 'twinRead'],
  'twin.patch': [twins.patch, 'twinWrite'],
  'twin.put': [twins.put, 'twinWrite'],
  query: [query, 'query'],
};

function deviceOp({ method, headers }, name) {
  if (name === '')
    return { GET: 'device.list', POST: 'device.bulk' }[method];
  if (name === 'query' && method === 'POST')
    return 'query';
  if (method === 'PUT')
    return registry.condition(headers) ? 'device.update' : 'device.create';
  return { GET: 'device.get', DELETE: 'device.delete' }[method];
}

const TWIN_OPS = { GET: 'twin.get', PATCH: 'twin.patch', PUT: 'twin.put' };

/* "/devices/ID": [ 'devices', 'ID' ], decoded once. */
function partsOf(path) {
  const parts = path.slice(1).split('/');
  try {
    return parts.length > 2 ? [''] : parts.map(decodeURIComponent);
  } catch {
    return [''];
  }
}

export function route(ask) {
  const [folder, name = ''] = partsOf(ask.path);
  ask.id = name;
  if (folder === 'devices')
    return deviceOp(ask, name);
  if (folder === 'twins' && name !== '')
    return TWIN_OPS[ask.method];
  if (folder === 'statistics' && name === 'devices' && ask.method === 'GET')
    return 'statistics';
  return undefined;
}

function bodyRead(ask) {
  const type = ask.headers['content-type'] ?? '';
  if (ask.raw.length === 0)
    return;
  if (!/^application\/json\b/i.test(type))
    throw new Refusal('UnsupportedMediaType');
  try {
    ask.body = JSON.parse(ask.raw.toString());
  } catch {
    throw new Refusal('IotHubFormatError', 'the body is no JSON');
  }
}

function check(ask) {
  if (!VERSIONS.has(ask.query.get('api-version')))
    throw new Refusal('InvalidProtocolVersion');
  if (!ask.op)
    throw new Refusal('ArgumentInvalid', 'no such resource', {}, 404);
  if (ask.tooLarge)
    throw new Refusal('MessageTooLarge');
  authorize(ask.op, ask.headers);
  bodyRead(ask);
}

const cost = ({ op, body }) =>
  (op === 'device.bulk' && Array.isArray(body) ? Math.max(1, body.length) : 1);

/* ms that shaping holds it back; or a refusal. */
export function before(ask) {
  check(ask);
  return throttle.wait(OPERATIONS[ask.op][1], cost(ask));
}

export const work = (ask) => OPERATIONS[ask.op][0](ask);

export function failure(e) {
  if (!(e instanceof Refusal))
    console.error(e);
  return refuse(e instanceof Refusal ? e : refusalOf(500));
}

export const status = (n, code) => refuse(refusalOf(n, code));

/* ---- somebody else writes ------------------------------------------------ */

export function meddle({ deviceId: id, what = 'both', ...change }) {
  registry.idCheck(id);
  let device = devices.find(id);
  if (what === 'delete') {
    if (device)
      devices.remove(device);
    return;
  }
  const old = device && devices.identity(device);
  const wanted = registry.wantedOf({ ...old, ...change });
  if (!device)
    device = registry.create(id, wanted);
  else if (what !== 'twin')
    registry.fill(device, wanted);
  if (what !== 'identity')
    twins.write(device, { tags: change.tags }, false);
}
