/*
 * The stand-in's hub: conditions, limits, rights, envelopes, throttles.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { A, anew, code, create, device, hub, item } from './check-lib.mjs';
import { ctl, failed, ok } from './tap.mjs';

const { env } = process;
const etagOf = async (id) => (await hub('GET', `/devices/${id}`)).json.etag;
const twinOf = async (id) => (await hub('GET', `/twins/${id}`)).json;
const put = (id, body, match) =>
  hub('PUT', `/devices/${id}`, body, match === undefined ? {} : { 'if-match': match });
const is = async (answer, ...want) =>
  assert.deepEqual(code(await answer), want, (await answer).text);

/* ---- Microsoft's recordings ---------------------------------------------- */

const IDENTITY = ['deviceId', 'generationId', 'etag', 'connectionState', 'status',
  'statusReason', 'connectionStateUpdatedTime', 'statusUpdatedTime',
  'lastActivityTime', 'cloudToDeviceMessageCount', 'authentication',
  'capabilities'];
const TWIN = ['deviceId', 'etag', 'deviceEtag', 'status', 'statusUpdateTime',
  'connectionState', 'lastActivityTime', 'cloudToDeviceMessageCount',
  'authenticationType', 'x509Thumbprint', 'version', 'properties',
  'capabilities'];
const names = (value) => Object.keys(value).filter((name) => name !== 'modelId');

await anew();
await ok('answers have the members that were recorded', async () => {
  const made = await hub('PUT', '/devices/r', { deviceId: 'r' },
    { 'if-match': '""' });
  assert.deepEqual(names(made.json), [...IDENTITY, 'parentScopes']);
  assert.equal(made.json.statusUpdatedTime, '0001-01-01T00:00:00');
  assert.equal(made.headers.etag, `"${made.json.etag}"`);
  assert.equal(made.headers['content-type'], 'application/json; charset=utf-8');
  assert.match(made.headers['x-ms-request-id'], /^[0-9a-f-]{36}$/);
  const read = (await hub('GET', '/devices/r')).json;
  assert.deepEqual(names(read), IDENTITY);
  assert.equal(read.statusUpdatedTime, '0001-01-01T00:00:00Z');
  assert.match(read.generationId, /^\d{18}$/);
});
await ok('a twin, too, and what an update of it echoes is left', async () => {
  const twin = await hub('GET', '/twins/r');
  assert.equal(twin.headers.etag, undefined);
  assert.deepEqual(names(twin.json), TWIN);
  assert.deepEqual([twin.json.version, twin.json.etag], [2, 'AAAAAAAAAAE=']);
  twin.json.properties.desired.username = 'userA';
  const made = (await hub('PATCH', '/twins/r', twin.json,
    { 'if-match': '*' })).json;
  assert.deepEqual([made.version, made.etag], [3, 'AAAAAAAAAAI=']);
  const { desired } = made.properties;
  assert.deepEqual([desired.username, desired.$version], ['userA', 2]);
  assert.equal(desired.$metadata.username.$lastUpdatedVersion, 2);
});
await ok('a query: select * from devices', async () => {
  const answer = await hub('POST', '/devices/query',
    { query: 'select * from devices' });
  assert.equal(answer.headers['x-ms-item-type'], 'Twin');
  assert.deepEqual(answer.json.map((twin) => twin.deviceId), ['r']);
});

/* ---- conditions ---------------------------------------------------------- */

await anew();
await create('d');

await ok('an update wants If-Match: bare, quoted, * and "*"', async () => {
  await is(put('d', device('d')), 409, 'DeviceAlreadyExists');
  await is(put('d', device('d', { etag: await etagOf('d') })), 409,
    'DeviceAlreadyExists');
  for (const match of [await etagOf('d'), '*', '"*"'])
    await is(put('d', device('d'), match), 200, undefined);
  await is(put('d', device('d'), `"${await etagOf('d')}"`), 200, undefined);
  await is(put('d', device('d'), '"MTIz"'), 412, 'PreconditionFailed');
  await is(put('gone', device('gone'), '*'), 404, 'DeviceNotFound');
  await is(put('new', device('new'), '""'), 200, undefined);
});

await ok('a deletion wants one, too', async () => {
  await is(hub('DELETE', '/devices/new'), 412, 'PreconditionFailed');
  await is(hub('DELETE', '/devices/new', undefined, { 'if-match': '"MTIz"' }),
    412, 'PreconditionFailed');
  const gone = await hub('DELETE', '/devices/new', undefined,
    { 'if-match': '*' });
  assert.deepEqual([gone.status, gone.text], [204, '']);
  await is(hub('GET', '/twins/new'), 404, 'DeviceNotFound');
});

await ok('a twin: merged, replaced, conditions', async () => {
  const patch = (tags, match = '*') =>
    hub('PATCH', '/twins/d', { tags }, { 'if-match': match });
  await patch({ a: { b: 1, c: [1, 2] }, e: {} });
  await patch({ a: { b: null, c: [3] } });
  assert.deepEqual((await twinOf('d')).tags, { a: { c: [3] }, e: {} });
  await is(patch({ x: 1 }, '"AAAAAAAAAAE="'), 412, 'PreconditionFailed');
  await is(hub('PATCH', '/twins/d', { tags: { y: 1 } }), 200, undefined);
  const before = await twinOf('d');
  await hub('PUT', '/twins/d', { tags: { only: true } });
  const after = await twinOf('d');
  assert.deepEqual(after.tags, { only: true });
  assert.equal(after.version, before.version + 1);
  assert.equal(after.deviceEtag, await etagOf('d'));
});

/* ---- what is refused ----------------------------------------------------- */

await ok('ids', async () => {
  for (const id of ['a b', 'a/b', 'ä', 'x'.repeat(129)])
    assert.ok((await create(id)).status >= 400, id);
  await is(hub('PUT', '/devices/other', device('d')), 400, 'ArgumentInvalid');
  await is(create('x'.repeat(128)), 200, undefined);
});

await ok('authentication', async () => {
  const bad = (authentication) => put('t', device('t', { authentication }));
  const prints = (primaryThumbprint, secondaryThumbprint) => bad({
    type: 'selfSigned',
    x509Thumbprint: { primaryThumbprint, secondaryThumbprint } });
  await is(prints('AA:BB'), 400, 'StringIsNotThumbprint');
  await is(prints(A, A.slice(24)), 400, 'ThumbprintSizesMustMatch');
  await is(bad({ type: 'none' }), 400, 'ArgumentInvalid');
  await is(put('t', device('t', { statusReason: 'x'.repeat(129) })), 400,
    'ArgumentInvalid');
  await is(bad({ type: 'certificateAuthority' }), 200, undefined);
});

await ok('an edge device keeps its scope', async () => {
  const edge = device('e', { capabilities: { iotEdge: true } });
  const made = (await put('e', edge)).json;
  assert.match(made.deviceScope, /^ms-azure-iot-edge:\/\/e-/);
  await is(put('e', edge, '*'), 400, 'ArgumentInvalid');
  await is(put('e', { ...edge, deviceScope: made.deviceScope }, '*'), 200,
    undefined);
});

await ok('tags', async () => {
  const patch = (tags) => hub('PATCH', '/twins/d', { tags });
  const deep = (n) => (n === 0 ? 1 : { a: deep(n - 1) });
  const bad = [{ 'a.b': 1 }, { $a: 1 }, { 'a b': 1 }, { 'a#': 1 },
    { n: 4503599627370496 }, { t: 'x'.repeat(4097) }, deep(11),
    { a: 'x'.repeat(4000), b: 'x'.repeat(4000), c: 'x'.repeat(400) }];
  for (const tags of bad)
    await is(patch(tags), 400, 'ArgumentInvalid');
  await is(patch(deep(10)), 200, undefined);
  assert.equal((await twinOf('d')).tags.only, true);
});

await ok('bodies and versions', async () => {
  await is(hub('PUT', '/devices/x', '{"deviceId"'), 400, 'IotHubFormatError');
  await is(hub('PUT', '/devices/x', device('x'), { 'content-type': 'text/plain' }),
    415, 'UnsupportedMediaType');
  await is(hub('PUT', '/devices/x', `"${'x'.repeat(1100000)}"`), 413,
    'MessageTooLarge');
  await is(hub('GET', '/devices/d', undefined, {}, '2017-01-01'), 400,
    'InvalidProtocolVersion');
  await is(hub('GET', '/devices/d', undefined, {}, '2024-03-31'), 200, undefined);
  assert.equal((await hub('GET', '/nothing/d')).status, 404);
});

/* ---- who asks ------------------------------------------------------------ */

function sasOf({ sr = env.HUB_HOST, se = Math.floor(Date.now() / 1000) + 60,
  key = env.HUB_KEY, skn = 'edge' }) {
  const mac = crypto.createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${sr}\n${se}`).digest('base64');
  return `SharedAccessSignature sig=${encodeURIComponent(mac)}&skn=${skn}` +
    `&se=${se}&sr=${sr}`;
}
const as = (authorization, method = 'GET', path = '/devices/d', body) =>
  hub(method, path, body, { authorization });

await ok('signatures', async () => {
  const now = Math.floor(Date.now() / 1000);
  await is(as(sasOf({})), 200, undefined);
  await is(as(sasOf({ sr: 'hub%2Eexample' })), 200, undefined);
  await is(as(sasOf({ se: now - 200 })), 200, undefined);
  const bad = [sasOf({ se: now - 400 }), sasOf({ sr: 'other.example' }),
    sasOf({ key: 'AAAA' }), sasOf({ skn: 'nobody' }), '', 'Basic eDp5',
    'SharedAccessSignature', 'SharedAccessSignature sr=%&sig=%&se=1&skn=edge',
    'Bearer a.b.c'];
  for (const text of bad)
    await is(as(text), 401, 'IotHubUnauthorizedAccess');
});

await ok('the rights of a policy', async () => {
  const key = fs.readFileSync(env.HUB_REGISTRY_KEY_FILE, 'utf8').trim();
  const text = sasOf({ key, skn: 'registryReadWrite' });
  await is(as(text), 200, undefined);
  await is(as(text, 'GET', '/twins/d'), 401, 'IotHubUnauthorizedAccess');
  const reader = await ctl('/sas?policy=registryRead');
  await is(as(reader), 200, undefined);
  await is(as(reader, 'PUT', '/devices/n', device('n')), 401,
    'IotHubUnauthorizedAccess');
});

await ok('the roles, audience and time of a token', async () => {
  const bearer = async (more) => `Bearer ${await ctl('/token', more)}`;
  await is(as(await bearer({})), 200, undefined);
  await is(as(await bearer({ audience: 'https://management.azure.com' })), 401,
    'IotHubUnauthorizedAccess');
  await is(as(await bearer({ lifetime: -400 })), 401,
    'IotHubUnauthorizedAccess');
  const writer = await bearer({ actions: ['devices/read', 'devices/write'] });
  await is(as(writer), 200, undefined);
  await is(as(writer, 'POST', '/devices', []), 401, 'IotHubUnauthorizedAccess');
  await ctl('/tokens/expire', {});
  await is(as(writer), 401, 'IotHubUnauthorizedAccess');
});

/* ---- bulk ---------------------------------------------------------------- */

await ok('a bulk is refused whole', async () => {
  const many = Array.from({ length: 101 }, (_, i) => item(`m${i}`));
  await is(hub('POST', '/devices', many), 413, 'TooManyDevices');
  await is(hub('POST', '/devices', [item('m'), item('m')]), 400,
    'DeviceDefinedMultipleTimes');
  await is(hub('POST', '/devices', [item('m', { importMode: 'createOrUpdate' })]),
    400, 'ArgumentInvalid');
  await is(hub('POST', '/devices', { devices: [] }), 400, 'ArgumentInvalid');
  await is(hub('GET', '/devices/m'), 404, 'DeviceNotFound');
});

await ok('or each item for itself', async () => {
  const bulk = (...items) => hub('POST', '/devices', items);
  const good = '{"isSuccessful":true,"errors":[],"warnings":[]}';
  assert.equal((await bulk(item('b1', { tags: { x: 1 } }))).text, good);
  assert.deepEqual((await twinOf('b1')).tags, { x: 1 });
  const some = await bulk(item('b1'), item('b2'));
  assert.equal(some.status, 400);
  assert.deepEqual(some.json.errors.map((e) => [e.deviceId, e.errorCode]),
    [['b1', 'DeviceAlreadyExists']]);
  await is(hub('GET', '/devices/b2'), 200, undefined);
  const stale = await bulk(item('b1', { importMode: 'UpdateIfMatchETag',
    eTag: 'MTIz' }));
  assert.equal(stale.json.errors[0].errorCode, 'PreconditionFailed');
  await ctl('/settings', { bulkErrorCode: 'number' });
  assert.equal((await bulk(item('b1'))).json.errors[0].errorCode, 409001);
});

/* ---- how it is said ------------------------------------------------------ */

await ok('envelopes', async () => {
  const a = await hub('GET', '/devices/gone');
  assert.match(a.json.Message, /^ErrorCode:DeviceNotFound;/);
  assert.match(a.json.ExceptionMessage, /^Tracking ID:[0-9a-f]{32}-G:5-TimeS/);
  await ctl('/settings', { envelope: 'B' });
  assert.equal((await hub('GET', '/devices/gone')).json.errorCode, 404001);
  await ctl('/settings', { envelope: 'nested' });
  const nested = (await hub('GET', '/devices/gone')).json.Message;
  assert.equal(JSON.parse(nested.slice(nested.indexOf(';') + 1)).errorCode,
    404001);
  await ctl('/settings', { envelope: 'A' });
});

await ok('a basic hub has no twins', async () => {
  await ctl('/settings', { tier: 'basic' });
  await is(hub('GET', '/twins/d'), 403, 'OperationNotAvailableInCurrentTier');
  await is(hub('GET', '/devices/d'), 200, undefined);
  await ctl('/settings', { tier: 'standard' });
});

await ok('what a query sees lags behind', async () => {
  const ask = async () => (await hub('POST', '/devices/query',
    { query: "SELECT deviceId FROM devices WHERE deviceId = 'lag'" })).json;
  await ctl('/settings', { queryLag: 60000 });
  await create('lag');
  assert.deepEqual(await ask(), []);
  await ctl('/clock', { skew: 61 });
  assert.deepEqual(await ask(), [{ deviceId: 'lag' }]);
  await hub('DELETE', '/devices/lag', undefined, { 'if-match': '*' });
  assert.deepEqual(await ask(), [{ deviceId: 'lag' }]);
  await ctl('/clock', { skew: 0 });
  await ctl('/settings', { queryLag: 0 });
});

/* ---- throttles ----------------------------------------------------------- */

await ok('beyond the queue it is 429, without Retry-After', async () => {
  await ctl('/throttle', { identity: { rate: 1, burst: 3, queue: 0 } });
  for (let i = 0; i < 3; i++)
    await is(hub('GET', '/devices/d'), 200, undefined);
  const late = await hub('GET', '/devices/d');
  assert.deepEqual(code(late), [429, 'ThrottlingException']);
  assert.equal(late.headers['retry-after'], undefined);
  assert.equal(late.headers.connection, 'close');
  assert.match(late.json.Message, /Wait 10 seconds/);
  await is(hub('GET', '/twins/d'), 200, undefined);
  await ctl('/settings', { retryAfter: 7 });
  assert.equal((await hub('GET', '/devices/d')).headers['retry-after'], '7');
});

await ok('within it, it waits', async () => {
  await ctl('/throttle', { twinRead: { rate: 10, burst: 1, queue: 5 } });
  const start = Date.now();
  for (let i = 0; i < 4; i++)
    await is(hub('GET', '/twins/d'), 200, undefined);
  assert.ok(Date.now() - start >= 250, `${Date.now() - start} ms`);
});

await ok('a bulk counts as many', async () => {
  await ctl('/throttle', 'S1');
  const hundred = (name) => Array.from({ length: 100 }, (_, i) =>
    item(`${name}${i}`));
  await is(hub('POST', '/devices', hundred('p')), 200, undefined);
  await is(hub('POST', '/devices', hundred('q')), 429, 'ThrottlingException');
  await ctl('/throttle', null);
});

process.exit(failed() ? 1 : 0);
