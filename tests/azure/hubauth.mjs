/*
 * Who asks the hub, and may it: a shared access signature or a bearer token.
 */
import crypto from 'node:crypto';
import { Refusal } from './errors.mjs';
import { clock, settings } from './settings.mjs';
import * as tokens from './tokens.mjs';

export const HOST = 'hub.example';

/* name: { key, rights }. */
export const policies = new Map();

const RIGHTS = {
  edge: ['RegistryRead', 'RegistryWrite', 'ServiceConnect'],
  registryRead: ['RegistryRead'],
  registryReadWrite: ['RegistryRead', 'RegistryWrite'],
  service: ['ServiceConnect'],
  iothubowner: ['RegistryRead', 'RegistryWrite', 'ServiceConnect'],
};

export function policiesMake() {
  for (const [name, rights] of Object.entries(RIGHTS))
    policies.set(name, { key: crypto.randomBytes(32), rights });
}

/* What each operation wants: of a policy, and of a role. */
const NEEDS = {
  'device.get': ['RegistryRead', 'devices/read'],
  'device.list': ['RegistryRead', 'devices/read'],
  statistics: ['RegistryRead', 'devices/read'],
  'device.create': ['RegistryWrite', 'devices/write'],
  'device.update': ['RegistryWrite', 'devices/write'],
  'device.delete': ['RegistryWrite', 'devices/delete'],
  'device.bulk': ['RegistryWrite', 'devices/write', 'devices/delete'],
  'twin.get': ['ServiceConnect', 'twins/read'],
  'twin.patch': ['ServiceConnect', 'twins/write'],
  'twin.put': ['ServiceConnect', 'twins/write'],
  query: ['ServiceConnect', 'twins/read'],
};

const denied = (text) => new Refusal('IotHubUnauthorizedAccess', text);

/* ---- shared access signatures -------------------------------------------- */

let verified = new Map(); // signature: { rights, se }

function fieldsOf(text) {
  const field = {};
  for (const pair of text.split('&')) {
    const at = pair.indexOf('=');
    field[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return field;
}

function scopeFits(sr) {
  const scope = decodeURIComponent(sr).toLowerCase();
  return scope === HOST || scope.startsWith(`${HOST}/`);
}

function signatureRead(text) {
  const { sr, sig, se, skn } = fieldsOf(text);
  const policy = policies.get(skn);
  if (!sr || !sig || !/^\d+$/.test(se ?? ''))
    throw denied('the signature lacks a member');
  if (!policy || !scopeFits(sr))
    throw denied('no such policy, or not for this hub');
  const mac = crypto.createHmac('sha256', policy.key)
    .update(`${sr}\n${se}`).digest('base64');
  if (decodeURIComponent(sig) !== mac)
    throw denied('the signature is not of this key');
  return { rights: policy.rights, se: Number(se) };
}

function signatureRights(text) {
  let known = verified.get(text);
  if (!known) {
    known = signatureRead(text);
    if (verified.size >= 1000)
      verified = new Map();
    verified.set(text, known);
  }
  if (known.se + settings.tolerance < clock.seconds())
    throw denied('the signature has expired');
  return known.rights;
}

/* ---- the question -------------------------------------------------------- */

function rightsOf(authorization) {
  const space = authorization.indexOf(' ');
  const scheme = authorization.slice(0, space);
  const text = authorization.slice(space + 1).trim();
  if (scheme === 'SharedAccessSignature')
    return signatureRights(text);
  if (scheme !== 'Bearer')
    throw denied('no signature, no token');
  const actions = tokens.allowed(text);
  if (actions === null)
    throw denied('the token is not good, or not any more');
  return actions;
}

export function authorize(op, headers) {
  let rights;
  try {
    rights = rightsOf(headers.authorization ?? '');
  } catch (e) {
    throw e instanceof Refusal ? e : denied('not to be read');
  }
  const [right, ...actions] = NEEDS[op];
  if (!rights.includes(right) && !actions.every((a) => rights.includes(a)))
    throw denied(`not allowed: ${op}`);
}

/* An Authorization value, for tests; the connection string of a policy. */
export function signatureMake(name, seconds) {
  const se = clock.seconds() + seconds;
  const mac = crypto.createHmac('sha256', policies.get(name).key)
    .update(`${HOST}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${HOST}&sig=${encodeURIComponent(mac)}` +
    `&se=${se}&skn=${name}`;
}

export function connectionString(name) {
  const key = policies.get(name).key.toString('base64');
  return `HostName=${HOST};SharedAccessKeyName=${name};SharedAccessKey=${key}`;
}
