/*
 * Where a program on a machine of Azure's, or one that Azure Arc knows, gets
 * tokens for the machine's identity.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import * as tokens from './tokens.mjs';

const PATH = '/metadata/identity/oauth2/token';
const MACHINE = [...tokens.principals.keys()].at(-1);

class Refused extends Error {
  constructor(error, text, { status = 400, headers = {} } = {}) {
    super(text);
    Object.assign(this, { error, status, headers });
  }
}

const invalid = (text) => new Refused('invalid_request', text);

/* ---- what they share ----------------------------------------------------- */

function versionCheck({ query }, versions) {
  const version = query.get('api-version');
  if (!version)
    throw invalid("Required query variable 'api-version' is missing");
  if (!versions.includes(version))
    throw invalid(`The requested version ${version} is not supported`);
}

function metadataCheck({ headers }) {
  if (headers.metadata?.toLowerCase() !== 'true')
    throw invalid('Required metadata header not specified');
  if (headers['x-forwarded-for'] !== undefined)
    throw invalid('X-Forwarded-For is not allowed');
}

function resourceOf({ query }) {
  const resource = query.get('resource');
  if (!resource)
    throw invalid('Required audience parameter not specified');
  if (!tokens.resourceKnown(resource))
    throw new Refused('invalid_resource', 'AADSTS500011: The resource principal ' +
      `named ${resource} was not found in the tenant.`);
  return resource;
}

/* The machine's own, when none is asked for. */
function identityOf({ query }) {
  const others = ['object_id', 'msi_res_id', 'mi_res_id', 'principal_id'];
  const id = query.get('client_id') ?? MACHINE;
  if (others.some((name) => query.has(name)) ||
      (id !== MACHINE && id !== tokens.MANAGED))
    throw invalid('Identity not found');
  return id;
}

function issue(ask, clientId) {
  const resource = resourceOf(ask);
  return { ...tokens.issue({ clientId, audience: resource }), resource, clientId };
}

/* ---- a virtual machine --------------------------------------------------- */

function virtualMachine(ask) {
  metadataCheck(ask);
  versionCheck(ask, ['2018-02-01', '2019-08-01', '2020-06-01', '2021-02-01']);
  const made = issue(ask, identityOf(ask));
  return { body: {
    access_token: made.token, client_id: made.clientId,
    expires_in: String(made.lifetime), expires_on: String(made.until),
    ext_expires_in: String(made.lifetime), not_before: String(made.from),
    resource: made.resource, token_type: 'Bearer',
  } };
}

/* ---- App Service --------------------------------------------------------- */

export const SECRET = crypto.randomUUID().replaceAll('-', '').toUpperCase();
export const APP_PATH = '/msi/token';

function appService(ask) {
  if (ask.headers['x-identity-header'] !== SECRET)
    throw new Refused('unauthorized', 'X-IDENTITY-HEADER is not the one of ' +
      'the environment', { status: 401 });
  versionCheck(ask, ['2019-08-01']);
  const made = issue(ask, identityOf(ask));
  return { body: {
    access_token: made.token, expires_on: String(made.until),
    resource: made.resource, token_type: 'Bearer', client_id: made.clientId,
  } };
}

/* ---- Azure Arc ----------------------------------------------------------- */

let folder = '';
let challenges = new Map(); // what a file holds: its name

export function arcFolder(name) {
  folder = name;
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
}

function challenge() {
  const name = path.join(folder, `${crypto.randomUUID()}.key`);
  const secret = crypto.randomBytes(48).toString('base64url');
  fs.writeFileSync(name, secret, { mode: 0o600 });
  challenges.set(secret, name);
  return new Refused('unauthorized_client', 'Missing Basic Authorization header',
    { status: 401, headers: { 'WWW-Authenticate': `Basic realm=${name}` } });
}

/* A key is for one token. */
function arc(ask) {
  metadataCheck(ask);
  versionCheck(ask, ['2019-11-01', '2020-06-01', '2021-02-01']);
  const resource = resourceOf(ask);
  const given = ask.headers.authorization?.replace(/^Basic /, '');
  if (given === undefined)
    throw challenge();
  if (!challenges.has(given))
    throw new Refused('unauthorized_client', 'Invalid Basic Authorization header',
      { status: 401 });
  fs.rmSync(challenges.get(given), { force: true });
  challenges.delete(given);
  const made = tokens.issue({ clientId: MACHINE, audience: resource });
  return { body: {
    access_token: made.token, expires_in: String(made.lifetime),
    expires_on: String(made.until), ext_expires_in: String(made.lifetime),
    not_before: String(made.from), resource, token_type: 'Bearer',
  } };
}

export function reset() {
  for (const name of challenges.values())
    fs.rmSync(name, { force: true });
  challenges = new Map();
}

/* ---- the services -------------------------------------------------------- */

function serviceOf(name, where, work) {
  return {
    name,
    bodyMax: 64 * 1024,
    route: (ask) => (ask.method === 'GET' &&
      ask.path.replace(/\/$/, '') === where ? name : undefined),
    before(ask) {
      if (!ask.op)
        throw new Refused('not_found', 'IMDS: nothing is here', { status: 404 });
      return 0;
    },
    work,
    failure(e) {
      if (!(e instanceof Refused))
        console.error(e);
      return { status: e.status ?? 500, headers: e.headers, code: e.error,
        body: { error: e.error ?? 'server_error', error_description: e.message } };
    },
    status: (n) => ({ status: n, headers: {}, body: { error: 'server_error',
      error_description: 'Something went wrong.' } }),
  };
}

export const imds = serviceOf('imds', PATH, virtualMachine);
export const app = serviceOf('appservice', APP_PATH, appService);
export const arcAgent = serviceOf('arc', PATH, arc);
