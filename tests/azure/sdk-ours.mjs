/*
 * What ours.sh lets our programs do, done with azure-iothub: the same devices,
 * in the same order, should be there afterwards.
 *
 * usage: node sdk-ours.mjs
 */
import assert from 'node:assert/strict';
import iothub from 'azure-iothub';
import { bodyOf, pointed } from './sdk-lib.mjs';
import { failed, ok } from './tap.mjs';

const { Registry } = iothub;
const hub = pointed(Registry.fromConnectionString(
  process.env.HUB_CONNECTION_STRING));
const A = 'A'.repeat(64);
const B = 'B'.repeat(64);

const certificate = (sha256) => ({
  sha256, serial: `01${sha256[0]}`, issuer: 'CN=CA',
  notBefore: '2023-11-14T22:13:20Z', notAfter: '2030-03-17T17:46:40Z',
  profile: 'device',
});

const tags = (seq, state, cur, prev) => ({ microca: {
  v: 1, edge: 'edge-1', site: 'here', seq, state, cur: certificate(cur),
  prev: prev ? certificate(prev) : null, at: new Date().toISOString(),
} });

const identity = (status, statusReason, primary, secondary) => ({
  status, statusReason, capabilities: { iotEdge: false },
  authentication: { type: 'selfSigned', x509Thumbprint: {
    primaryThumbprint: primary, secondaryThumbprint: secondary } },
});
const enabled = (primary, secondary = null) =>
  identity('enabled', 'microca', primary, secondary);
const revoked = () =>
  identity('disabled', 'certificate revoked: keyCompromise', null, null);

async function tag(deviceId, wanted) {
  const twin = await bodyOf(hub.getTwin(deviceId));
  await hub.updateTwin(deviceId, { tags: wanted }, twin.etag);
}

async function update(deviceId, wanted) {
  const { etag } = await bodyOf(hub.get(deviceId));
  await hub.update({ deviceId, ...wanted, etag });
}

await ok('issued: the identity, then its tag', async () => {
  await hub.create({ deviceId: 'd1', ...enabled(A) });
  await tag('d1', tags(1, 'active', A));
});
await ok('renewed: the tag, then both thumbprints', async () => {
  await tag('d1', tags(2, 'active', B, A));
  await update('d1', enabled(B, A));
});
await ok('revoked: disabled', async () => {
  await tag('d1', tags(3, 'revoked', B));
  await update('d1', revoked());
});
await ok('revoked before it was told: created disabled', async () => {
  await hub.create({ deviceId: 'd2', ...revoked() });
  await tag('d2', tags(4, 'revoked', A));
});
await ok('by a CA: without thumbprints', async () => {
  await hub.create({ deviceId: 'ca-1', ...enabled(null),
    authentication: { type: 'certificateAuthority' } });
  await tag('ca-1', tags(5, 'active', A));
});
await ok('many: at once, and looked at', async () => {
  const made = await bodyOf(hub.addDevices(['m1', 'm2'].map((deviceId, i) => ({
    deviceId, ...enabled(A), tags: tags(6 + i, 'active', A) }))));
  assert.equal(made.isSuccessful, true);
  for (const id of ['m1', 'm2'])
    assert.equal((await bodyOf(hub.getTwin(id))).tags.microca.v, 1);
});
await ok('what is there', async () => {
  const { result } = await hub.createQuery(
    "SELECT * FROM devices WHERE tags.microca.edge = 'edge-1'", 1000).next();
  assert.equal(result.length, 5);
});
process.exit(failed() ? 1 : 0);
