/*
 * Bearer tokens: who may have one, what one looks like, and whether it is good.
 */
import crypto from 'node:crypto';
import { clock, settings } from './settings.mjs';

export const HUB_RESOURCE = 'https://iothubs.azure.net';
export const TENANT = '11111111-2222-4333-8444-555555555555';
export const APP = 'aaaaaaaa-0000-4000-8000-000000000001';
export const MANAGED = 'aaaaaaaa-0000-4000-8000-000000000002';
const MACHINE = 'aaaaaaaa-0000-4000-8000-000000000003';

const RESOURCES = [HUB_RESOURCE, 'https://management.azure.com',
  'https://azure-devices-provisioning.net'];

/* IoT Hub Registry Contributor and IoT Hub Twin Contributor. */
export const ACTIONS = ['devices/read', 'devices/write', 'devices/delete',
  'twins/read', 'twins/write'];

const { publicKey, privateKey } =
  crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const KID = crypto.randomBytes(20).toString('base64url');

/* Of an application or managed identity: { actions, certificate, federated }. */
export const principals = new Map();
let good = new Map(); // token: { exp, aud, actions }
let oldest = 0; // of those that are still taken, by their number
let issued = 0;

export function reset() {
  principals.clear();
  for (const id of [APP, MANAGED, MACHINE])
    principals.set(id, { actions: ACTIONS });
  good = new Map();
  issued = 0;
  oldest = 0;
}
reset();

export const count = () => issued;
export const resourceKnown = (resource) =>
  RESOURCES.includes(resource.replace(/\/$/, ''));

const json = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function sign(header, claims, key) {
  const text = `${json({ typ: 'JWT', alg: 'RS256', ...header })}.${json(claims)}`;
  return `${text}.${crypto.sign('sha256', text, key).toString('base64url')}`;
}

/* { token, from, until, lifetime }. */
export function issue({ clientId = APP, audience = HUB_RESOURCE, actions,
  lifetime = settings.tokenLifetime }) {
  const now = clock.seconds();
  const claims = {
    aud: audience, iss: `https://sts.windows.net/${TENANT}/`, iat: now,
    nbf: now, exp: now + lifetime, appid: clientId, tid: TENANT,
    idtyp: 'app', uti: crypto.randomBytes(16).toString('base64url'),
    ver: '1.0',
  };
  const token = sign({ kid: KID, x5t: KID }, claims, privateKey);
  issued++;
  good.set(token, { exp: claims.exp, nbf: now, aud: audience, n: issued,
    actions, clientId });
  return { token, from: now, until: claims.exp, lifetime };
}

/* All of before are bad from now on. */
export function expire() {
  oldest = issued + 1;
}

/* What it may do; null: nothing.  That a token is ours says its signature. */
export function allowed(token) {
  const known = good.get(token);
  const now = clock.seconds();
  if (!known || known.n < oldest || known.aud.replace(/\/$/, '') !== HUB_RESOURCE)
    return null;
  if (known.exp + settings.tolerance < now ||
      known.nbf - settings.tolerance > now)
    return null;
  return known.actions ?? principals.get(known.clientId)?.actions ?? [];
}

export function keys() {
  return { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig',
    kid: KID, x5t: KID }] };
}
