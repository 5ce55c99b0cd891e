/*
 * Microsoft's azure-iothub drives the stand-in: registry, twins, bulk, query.
 *
 * usage: node sdk-hub.mjs FILE
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import iothub from 'azure-iothub';
import { bodyOf, device, done, fails, pointed, step } from './sdk-lib.mjs';
import { ctl, ok } from './tap.mjs';

const { Registry } = iothub;
const { env } = process;
const A = 'A'.repeat(64);
const B = 'B'.repeat(64);

/* ---- registry ------------------------------------------------------------ */

async function registryBasics(registry) {
  let read;
  await step('create', 'the identity, without a condition', async () => {
    const made = await bodyOf(registry.create(device('d1', A)));
    assert.equal(made.authentication.x509Thumbprint.primaryThumbprint, A);
    assert.equal(made.connectionState, 'Disconnected');
    assert.match(Buffer.from(made.etag, 'base64').toString(), /^\d+$/);
  });
  await step('get', 'what was made', async () => {
    read = await bodyOf(registry.get('d1'));
    assert.equal(read.authentication.type, 'selfSigned');
  });
  await step('update', 'with the etag, which grows by one', async () => {
    const made = await bodyOf(registry.update(
      { ...device('d1', B, A), etag: read.etag }));
    const number = (etag) => Number(Buffer.from(etag, 'base64').toString());
    assert.equal(number(made.etag), number(read.etag) + 1);
    assert.equal(made.authentication.x509Thumbprint.secondaryThumbprint, A);
  });
  await step('list', 'an array', async () =>
    assert.deepEqual((await bodyOf(registry.list())).map((d) => d.deviceId),
      ['d1']));
  await step('statistics', 'counts', async () =>
    assert.equal((await bodyOf(
      registry.getRegistryStatistics())).totalDeviceCount, 1));
  await step('create of CA', 'no thumbprints', async () => {
    const made = await bodyOf(registry.create({ deviceId: 'ca-1',
      authentication: { type: 'certificateAuthority' } }));
    assert.equal(made.authentication.type, 'certificateAuthority');
  });
  await ok('without authentication a device gets keys', async () => {
    const made = await bodyOf(registry.create({ deviceId: 'sas-1' }));
    assert.equal(made.authentication.type, 'sas');
    assert.equal(Buffer.from(
      made.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  });
  await step('delete', 'nothing is left', async () => {
    await registry.delete('sas-1');
    await fails(registry.getTwin('sas-1'), 'DeviceNotFoundError', 404);
  });
  await step('escape', 'every character an id may have', async () => {
    const id = "a-:.+%_#*?!(),=@;$'";
    await registry.create(device(id, A));
    assert.equal((await bodyOf(registry.get(id))).deviceId, id);
  });
}

/* ---- refusals ------------------------------------------------------------ */

async function refusals(registry) {
  await ok('not there: DeviceNotFoundError', () =>
    fails(registry.get('nobody'), 'DeviceNotFoundError', 404));
  await ok('there already: DeviceAlreadyExistsError', () =>
    fails(registry.create(device('d1', A)), 'DeviceAlreadyExistsError', 409));
  await ok('a stale etag: InvalidEtagError', () => fails(registry.updateTwin(
    'd1', { tags: { x: 1 } }, 'AAAAAAAAAP8='), 'InvalidEtagError', 412));
  await ok('a bad thumbprint: ArgumentError', () =>
    fails(registry.create(device('d2', 'zz')), 'ArgumentError', 400));
  const serving = { do: 'status', op: 'device.get' };
  const answers = [[429, 'ThrottlingError'], [403, 'TooManyDevicesError'],
    [500, 'InternalServerError'], [503, 'ServiceUnavailableError'],
    [401, 'UnauthorizedError']];
  for (const [status, name] of answers)
    await ok(`${status}: ${name}`, async () => {
      await ctl('/faults', { ...serving, status });
      await fails(registry.get('d1'), name, status);
    });
  await ok('a clock a day ahead: UnauthorizedError', async () => {
    await ctl('/clock', { skew: 86400 });
    await fails(registry.get('d1'), 'UnauthorizedError', 401)
      .finally(() => ctl('/clock', { skew: 0 }));
  });
  await ok('cut: an error, and the work is done', async () => {
    await ctl('/faults', { op: 'device.create', do: 'cut', when: 'after' });
    await assert.rejects(registry.create(device('cut-1', A)));
    assert.equal((await bodyOf(registry.get('cut-1'))).deviceId, 'cut-1');
  });
}

/* ---- twins --------------------------------------------------------------- */

async function twins(registry) {
  let twin;
  await step('getTwin', 'there as soon as the identity', async () => {
    twin = await bodyOf(registry.getTwin('d1'));
    const identity = await bodyOf(registry.get('d1'));
    assert.equal(twin.deviceEtag, identity.etag);
    assert.equal(twin.etag, 'AAAAAAAAAAE=');
  });
  await step('updateTwin', 'merged, version and etag one more', async () => {
    const made = await bodyOf(registry.updateTwin('d1',
      { tags: { microca: { v: 1, edge: 'e', seq: 3 }, more: 1 } }, twin.etag));
    assert.equal(made.version, twin.version + 1);
    assert.equal(made.etag, 'AAAAAAAAAAI=');
    const next = await bodyOf(registry.updateTwin('d1',
      { tags: { more: null, microca: { seq: 4 } } }, '*'));
    assert.deepEqual(next.tags, { microca: { v: 1, edge: 'e', seq: 4 } });
  });
  await ok('Twin.update() does the same', async () => {
    const one = await bodyOf(registry.getTwin('d1'));
    await one.update({ tags: { own: true } });
    const made = await bodyOf(registry.getTwin('d1'));
    assert.equal(made.tags.own, true);
  });
  await ok('a policy without ServiceConnect sees no twin', async () => {
    const key = fs.readFileSync(env.HUB_REGISTRY_KEY_FILE, 'utf8').trim();
    const other = pointed(Registry.fromConnectionString(`HostName=${env.HUB_HOST
    };SharedAccessKeyName=registryReadWrite;SharedAccessKey=${key}`));
    assert.equal((await bodyOf(other.get('d1'))).deviceId, 'd1');
    await fails(other.getTwin('d1'), 'UnauthorizedError', 401);
  });
}

/* ---- many at once -------------------------------------------------------- */

async function bulk(registry) {
  const many = Array.from({ length: 100 }, (_, i) =>
    ({ ...device(`bulk-${i}`, A), tags: { microca: { edge: 'bulk' } } }));
  const good = { isSuccessful: true, errors: [], warnings: [] };
  await step('addDevices', '100 with their tags', async () =>
    assert.deepEqual(await bodyOf(registry.addDevices(many)), good));
  await step('updateDevices', 'without a condition', async () =>
    assert.deepEqual(await bodyOf(registry.updateDevices(
      [device('bulk-0', B), device('bulk-1', B)], true)), good));
  await step('updateDevices with etags', 'if they match', async () => {
    const { etag } = await bodyOf(registry.get('bulk-0'));
    assert.deepEqual(await bodyOf(registry.updateDevices(
      [{ ...device('bulk-0', A), etag }], false)), good);
  });
  await ok('one that exists: 400, and the rest is made', async () => {
    await assert.rejects(registry.addDevices(
      [device('bulk-0', A), device('bulk-new', A)]),
    (e) => e.constructor.name === 'ArgumentError' &&
      e.message.includes('DeviceAlreadyExists'));
    assert.equal((await bodyOf(registry.get('bulk-new'))).deviceId, 'bulk-new');
  });
  await step('removeDevices', 'without a condition', async () =>
    assert.deepEqual(await bodyOf(registry.removeDevices(
      [{ deviceId: 'bulk-1' }, { deviceId: 'bulk-new' }], true)), good));
}

async function queries(registry) {
  await step('createQuery', 'page after page', async () => {
    const query = registry.createQuery(
      "SELECT * FROM devices WHERE tags.microca.edge = 'bulk'", 40);
    const ids = [];
    while (query.hasMoreResults)
      ids.push(...(await query.nextAsTwin()).result.map((t) => t.deviceId));
    assert.equal(new Set(ids).size, 99);
    assert.equal(ids.length, 99);
  });
  await ok('COUNT()', async () => {
    const query = registry.createQuery('SELECT COUNT() AS n FROM devices ' +
      "WHERE NOT (status = 'disabled') AND STARTSWITH(deviceId, 'bulk-')");
    assert.deepEqual((await query.next()).result, [{ n: 99 }]);
  });
  await ok('a query that is none: ArgumentError', () =>
    fails(registry.createQuery('SELECT FROM WHERE').next(), 'ArgumentError',
      400));
}

const hub = pointed(Registry.fromConnectionString(env.HUB_CONNECTION_STRING));
for (const part of [registryBasics, refusals, twins, bulk, queries])
  await part(hub);
done(process.argv[2]);
