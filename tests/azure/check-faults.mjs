/*
 * The stand-in's faults, one by one, what it tells of itself, and its size.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { A, B, anew, code, create, device, hub, item } from './check-lib.mjs';
import { ctl, failed, ok } from './tap.mjs';

const { env } = process;
const is = async (answer, ...want) => assert.deepEqual(code(await answer), want);
const state = async (id) => JSON.parse(await ctl(`/state?id=${id}`));
const update = (id, match) =>
  hub('PUT', `/devices/${id}`, device(id), { 'if-match': match });

await anew();

/* ---- faults -------------------------------------------------------------- */

await ok('cut, before the work and after it', async () => {
  await ctl('/faults', [{ op: 'device.create', do: 'cut' },
    { op: 'device.create', do: 'cut', when: 'after' }]);
  await assert.rejects(create('c1'));
  await is(hub('GET', '/devices/c1'), 404, 'DeviceNotFound');
  await assert.rejects(create('c1'));
  await is(hub('GET', '/devices/c1'), 200, undefined);
});

await ok('500, before the work and after it', async () => {
  await ctl('/faults', [{ op: 'device.create', do: 'status', status: 500 },
    { op: 'device.create', do: 'status', status: 500, when: 'after' }]);
  await is(create('s1'), 500, 'ServerError');
  await is(hub('GET', '/devices/s1'), 404, 'DeviceNotFound');
  await is(create('s1'), 500, 'ServerError');
  await is(hub('GET', '/devices/s1'), 200, undefined);
});

await ok('any status, with headers and a body', async () => {
  await ctl('/faults', { op: 'device.get', do: 'status', status: 503,
    headers: { 'Retry-After': '3' }, body: '<html>' });
  const answer = await hub('GET', '/devices/s1');
  assert.deepEqual([answer.status, answer.headers['retry-after'], answer.text],
    [503, '3', '<html>']);
});

await ok('the k-th of those that match, so many times', async () => {
  await ctl('/faults', { method: 'GET', path: '^/devices/s1$', skip: 2, times: 2,
    do: 'status', status: 500 });
  const seen = [];
  for (let i = 0; i < 6; i++) {
    await hub('GET', '/devices/c1');
    seen.push((await hub('GET', '/devices/s1')).status);
  }
  assert.deepEqual(seen, [200, 200, 500, 500, 200, 200]);
  assert.equal(JSON.parse(await ctl('/faults')).at(-1).fired, 2);
});

await ok('garbage, and half an answer', async () => {
  await ctl('/faults', [{ op: 'device.get', do: 'garbage' },
    { op: 'device.get', do: 'truncate' }]);
  const answer = await hub('GET', '/devices/s1');
  assert.deepEqual([answer.status, answer.json], [200, undefined]);
  await assert.rejects(hub('GET', '/devices/s1'));
});

await ok('late, and slow', async () => {
  await ctl('/faults', [{ op: 'device.get', do: 'delay', ms: 200 },
    { op: 'device.get', do: 'slow', ms: 200 }]);
  for (let i = 0; i < 2; i++) {
    const start = Date.now();
    assert.equal((await hub('GET', '/devices/s1')).json.deviceId, 's1');
    assert.ok(Date.now() - start >= 150);
  }
});

await ok('never', async () => {
  await ctl('/faults', { op: 'device.create', do: 'hang', when: 'after' });
  const never = create('h1').then(() => 'answer', () => 'error');
  const until = new Promise((r) => { setTimeout(r, 200, 'nothing'); });
  assert.equal(await Promise.race([never, until]), 'nothing');
  assert.equal((await state('h1')).identity.deviceId, 'h1');
});

await ok('somebody else writes in between', async () => {
  const { identity, twin } = await state('s1');
  await ctl('/faults', [{ op: 'device.update', do: 'race', what: 'identity',
    change: { statusReason: 'theirs' } },
  { op: 'twin.patch', do: 'race', what: 'twin', change: { tags: { t: 1 } } }]);
  await is(update('s1', identity.etag), 412, 'PreconditionFailed');
  await is(hub('PATCH', '/twins/s1', { tags: {} }, { 'if-match': twin.etag }),
    412, 'PreconditionFailed');
  const after = await state('s1');
  assert.equal(after.identity.statusReason, 'theirs');
  assert.deepEqual(after.twin.tags, { t: 1 });
});

await ok('or deletes it after it was read', async () => {
  await ctl('/faults', { op: 'twin.get', when: 'after', do: 'race',
    what: 'delete' });
  const { deviceEtag } = (await hub('GET', '/twins/s1')).json;
  await is(update('s1', deviceEtag), 404, 'DeviceNotFound');
});

await ok('a race for no device is an answer, too', async () => {
  await ctl('/faults', { op: 'device.list', when: 'after', do: 'race' });
  await is(hub('GET', '/devices'), 400, 'ArgumentInvalid');
  await is(hub('GET', '/devices'), 200, undefined);
});

await ok('a bulk in part', async () => {
  const bulk = async (name, fault) => {
    await ctl('/faults', { op: 'device.bulk', do: 'partial', ...fault });
    const items = [1, 2, 3, 4].map((i) =>
      item(`${name}${i}`, { tags: { x: 1 } }));
    const answer = await hub('POST', '/devices', items);
    const rows = (await ctl('/table?fields=deviceId,tags.x')).split('\n')
      .filter((row) => row.startsWith(name));
    return [answer.status, answer.json.errors.length,
      answer.json.warnings.length, rows.join(' ')];
  };
  assert.deepEqual(await bulk('e', { every: 2 }),
    [400, 2, 0, 'e1\t1 e3\t1']);
  assert.deepEqual(await bulk('w', { ids: '[34]$', effect: 'warning' }),
    [200, 0, 2, 'w1\t1 w2\t1 w3\t w4\t']);
  assert.deepEqual(await bulk('l', { ids: '1', effect: 'lie' }),
    [400, 1, 0, 'l1\t1 l2\t1 l3\t1 l4\t1']);
});

await ok('tokens end', async () => {
  const authorization = `Bearer ${await ctl('/token', {})}`;
  await ctl('/faults', { op: 'device.get', skip: 1, do: 'expire' });
  const ask = () => hub('GET', '/devices/e1', undefined, { authorization });
  await is(ask(), 200, undefined);
  await is(ask(), 401, 'IotHubUnauthorizedAccess');
  await is(hub('GET', '/devices/e1', undefined,
    { authorization: `Bearer ${await ctl('/token', {})}` }), 200, undefined);
});

await ok('a rule that is none is refused', async () => {
  for (const rule of [{ do: 'explode' }, { do: 'cut', tims: 1 },
    { do: 'status' }, { do: 'cut', when: 'later' },
    { do: 'partial', when: 'after' }])
    await assert.rejects(ctl('/faults', rule), /AssertionError/);
  await assert.rejects(ctl('/settings', { envelop: 'A' }), /no such setting/);
});

/* ---- what it tells ------------------------------------------------------- */

await ok('how often each device was written', async () => {
  await anew();
  await create('d');
  await update('d', '*');
  await hub('PATCH', '/twins/d', { tags: { a: 1 } });
  assert.equal(await ctl('/table?fields=deviceId,writes.identity,writes.twin'),
    'd\t2\t1\n');
  await ctl('/device', { deviceId: 'd', status: 'disabled' });
  const { identity } = await state('d');
  assert.equal(identity.status, 'disabled');
  assert.equal(identity.authentication.x509Thumbprint.primaryThumbprint, A);
});

await ok('a line for each request, without secrets', async () => {
  const lines = (await ctl('/log')).trim().split('\n').map((l) => JSON.parse(l));
  assert.deepEqual(lines.map((l) => [l.n, l.op, l.status]), [
    [1, 'device.create', 200], [2, 'device.update', 200],
    [3, 'twin.patch', 200]]);
  assert.equal(lines[1].headers['if-match'], '*');
  assert.deepEqual(lines[2].keys, ['tags.a']);
  const text = fs.readFileSync(env.AZURE_LOG, 'utf8');
  assert.ok(!/sig=|eyJ|SharedAccessKey/.test(text));
});

/* ---- its size ------------------------------------------------------------ */

const measure = async () => JSON.parse(await ctl('/counters')).process;

await ok('100,000 devices, and thousands of requests a second', async () => {
  const asked = 8000;
  const tags = { microca: { v: 1, edge: 'e', seq: 1, cur: { sha256: B } } };
  await ctl('/load', { count: 100000, tags });
  const before = await measure();
  let next = 0;
  const worker = async () => {
    while (next < asked) {
      next++;
      const id = `dev-${String(next).padStart(6, '0')}`;
      assert.equal((await hub('GET', `/twins/${id}`)).status, 200);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const after = await measure();
  const rate = Math.round(asked / (after.cpu - before.cpu));
  console.log(`# ${rate} reads a CPU second, ${after.rss >> 20} MiB`);
  assert.ok(rate > 2000, `${rate} a CPU second`);
  assert.ok(after.rss < 700 * 1024 * 1024, `${after.rss} octets`);
});

await ok('a query over them, in pages', async () => {
  const query = "SELECT deviceId FROM devices WHERE tags.microca.edge = 'e'";
  let continuation = '';
  let n = 0;
  do {
    const answer = await hub('POST', '/devices/query', { query },
      { 'x-ms-max-item-count': '1000', 'x-ms-continuation': continuation });
    n += answer.json.length;
    continuation = answer.headers['x-ms-continuation'] ?? '';
  } while (continuation !== '');
  assert.equal(n, 100000);
});

process.exit(failed() ? 1 : 0);
