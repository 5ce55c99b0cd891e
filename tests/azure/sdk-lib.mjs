/*
 * What sdk-hub.mjs and sdk-tokens.mjs share: where the stand-in is, and what was
 * sent, an operation a line.
 *
 * sdk.sh starts them, with the variables of lib.sh's azure_start and
 * NODE_EXTRA_CA_CERTS.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import { ctl, failed, ok } from './tap.mjs';

const { env } = process;
const recorded = [];

/* ---- the stand-in -------------------------------------------------------- */

function address(host, options, done) {
  if (options.all)
    done(null, [{ address: '127.0.0.1', family: 4 }]);
  else
    done(null, '127.0.0.1', 4);
}

/* The real host name, the stand-in's port. */
export function pointed(registry) {
  const agent = new https.Agent({ port: Number(env.HUB_PORT), lookup: address,
    keepAlive: true });
  registry._restApiClient.setOptions({ http: { agent } });
  return registry;
}

/* ---- what was sent ------------------------------------------------------- */

function matchOf(headers) {
  return headers['if-match']?.replace(/[A-Za-z0-9+/]+=*/, 'ETAG') ?? null;
}

function queryOf(query) {
  return query.replace(/(request-id=)[0-9a-f-]{36}/, '$1GUID').split('&')
    .filter(Boolean).sort().join('&');
}

/* What is not there is null, or left out of what is rare. */
function shown(line) {
  const { service, method, target, query, headers, keys } = JSON.parse(line);
  const made = { service, method, target, query: queryOf(query),
    match: matchOf(headers), keys };
  const more = { page: headers['x-ms-max-item-count'],
    type: headers['content-type'], metadata: headers.metadata,
    identity: headers['x-identity-header'],
    authorization: headers.authorization };
  for (const [name, value] of Object.entries(more))
    if (value !== undefined)
      made[name] = value;
  return made;
}

async function record(operation) {
  const lines = (await ctl('/log')).split('\n').filter(Boolean);
  recorded.push({ operation, requests: lines.map(shown) });
}

/* One that is recorded under this name, too. */
export async function step(operation, name, work) {
  await ctl('/log', undefined, 'DELETE');
  await ok(`${operation}: ${name}`, work);
  await record(operation);
}

/* What was recorded is added to the file. */
export function done(file) {
  fs.appendFileSync(file,
    recorded.map((line) => `${JSON.stringify(line)}\n`).join(''));
  process.exit(failed() ? 1 : 0);
}

/* ---- devices ------------------------------------------------------------- */

export const bodyOf = async (promise) => (await promise).responseBody;

export async function fails(promise, name, status) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.constructor.name, name,
      `${e.constructor.name}: ${e.message}`);
    assert.equal(e.response?.statusCode, status);
    return true;
  });
}

export const device = (deviceId, primary, secondary = null) => ({
  deviceId, status: 'enabled', statusReason: 'microca',
  authentication: { type: 'selfSigned', x509Thumbprint: {
    primaryThumbprint: primary, secondaryThumbprint: secondary } },
  capabilities: { iotEdge: false },
});
