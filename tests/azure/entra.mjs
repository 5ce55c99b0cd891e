/*
 * Entra: the token endpoint, and what MSAL reads before it asks there.
 */
import crypto from 'node:crypto';
import { Denied, certificateCheck, federationCheck, read }
  from './assertion.mjs';
import { clock } from './settings.mjs';
import * as tokens from './tokens.mjs';

export const HOST = 'login.example';
const BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const invalid = (number, text, error = 'invalid_request') =>
  new Denied(number, text, { error, status: 400 });

/* ---- what is said of itself ---------------------------------------------- */

function openid({ base, tenant }) {
  const v2 = `${base}/${tenant}/oauth2/v2.0`;
  return { body: {
    token_endpoint: `${v2}/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post',
      'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${base}/${tenant}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token',
      'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: `${base}/${tenant}/v2.0`,
    authorization_endpoint: `${v2}/authorize`,
    device_authorization_endpoint: `${v2}/devicecode`,
    end_session_endpoint: `${v2}/logout`,
    tenant_region_scope: 'EU', cloud_instance_name: 'microsoftonline.com',
  } };
}

function discovery({ base, headers }) {
  return { body: {
    tenant_discovery_endpoint:
      `${base}/${tokens.TENANT}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: headers.host, preferred_cache: headers.host,
      aliases: [headers.host] }],
  } };
}

/* ---- tokens -------------------------------------------------------------- */

function formOf(ask) {
  const type = ask.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded\b/i.test(type))
    throw invalid(900144, "The request body must contain the following " +
      "parameter: 'grant_type'.");
  const form = new URLSearchParams(ask.raw.toString());
  ask.body = Object.fromEntries(form);
  for (const name of ['grant_type', 'client_id', 'scope'])
    if (!form.get(name))
      throw invalid(900144, 'The request body must contain the following ' +
        `parameter: '${name}'.`);
  return form;
}

function resourceOf(scope) {
  const names = scope.split(' ').filter((s) =>
    !['openid', 'profile', 'offline_access'].includes(s));
  if (names.length !== 1 || !names[0].endsWith('/.default'))
    throw invalid(1002012, `The provided value for scope ${scope} is not ` +
      'valid. Client credential flows must have a scope value with /.default ' +
      'suffixed to the resource identifier (application ID URI).',
    'invalid_scope');
  const resource = names[0].slice(0, -'/.default'.length);
  if (!tokens.resourceKnown(resource))
    throw invalid(500011, `The resource principal named ${resource} was not ` +
      'found in the tenant.', 'invalid_resource');
  return resource;
}

function formCheck(form) {
  if (form.get('grant_type') !== 'client_credentials')
    throw invalid(70003, 'The app requested an unsupported grant type ' +
      `'${form.get('grant_type')}'.`, 'unsupported_grant_type');
  if (!form.get('client_assertion') ||
      form.get('client_assertion_type') !== BEARER)
    throw new Denied(7000216, "'client_assertion', 'client_secret' or " +
      "'request' is required for the 'client_credentials' grant type.");
}

function appOf(clientId) {
  const app = tokens.principals.get(clientId);
  if (!app || !(app.certificate || app.federated))
    throw invalid(700016, `Application with identifier '${clientId}' was ` +
      'not found in the directory.', 'unauthorized_client');
  return app;
}

/* Issued by the application for itself, or by somebody else for it. */
function assertionCheck(form, clientId, tenant, base) {
  const app = appOf(clientId);
  const jwt = read(form.get('client_assertion'));
  if (app.federated && jwt.claims.iss === app.federated.issuer)
    federationCheck(jwt, app);
  else if (jwt.claims.iss !== clientId && jwt.claims.sub !== clientId)
    federationCheck(jwt, app);
  else
    certificateCheck(jwt, app, clientId, [
      `${base}/${tenant}/oauth2/v2.0/token`,
      `https://${HOST}/${tenant}/oauth2/v2.0/token`,
    ]);
}

function token(ask) {
  if (ask.tenant !== tokens.TENANT)
    throw invalid(90002, `Tenant '${ask.tenant}' not found.`);
  const form = formOf(ask);
  const clientId = form.get('client_id');
  formCheck(form);
  const resource = resourceOf(form.get('scope'));
  assertionCheck(form, clientId, ask.tenant, ask.base);
  const made = tokens.issue({ clientId, audience: resource });
  return { headers: { 'Cache-Control': 'no-store, no-cache', Pragma: 'no-cache' },
    body: { token_type: 'Bearer', expires_in: made.lifetime,
      ext_expires_in: made.lifetime, access_token: made.token } };
}

/* ---- the service --------------------------------------------------------- */

const PATHS = [
  ['openid', 'GET', /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/],
  ['discovery', 'GET', /^\/(common)\/discovery\/instance$/],
  ['keys', 'GET', /^\/([^/]+)\/discovery\/v2\.0\/keys$/],
  ['token', 'POST', /^\/([^/]+)\/oauth2\/v2\.0\/token$/],
];

const OPERATIONS = { openid, discovery, token,
  keys: () => ({ body: tokens.keys() }) };

function answerOf(denied) {
  const now = new Date(clock.now()).toISOString();
  const trace = crypto.randomUUID();
  const correlation = crypto.randomUUID();
  return {
    status: denied.status, code: `AADSTS${denied.number}`,
    body: {
      error: denied.error,
      error_description: `${denied.message} Trace ID: ${trace} ` +
        `Correlation ID: ${correlation} Timestamp: ${now}`,
      error_codes: [denied.number],
      timestamp: now.replace('T', ' ').replace(/\.\d+/, ''), trace_id: trace,
      correlation_id: correlation,
      error_uri: `https://${HOST}/error?code=${denied.number}`,
    },
  };
}

export const entra = {
  name: 'login',
  bodyMax: 64 * 1024,
  route(ask) {
    for (const [op, method, path] of PATHS) {
      const match = path.exec(ask.path);
      if (match && ask.method === method) {
        ask.tenant = match[1];
        ask.base = `https://${ask.headers.host}`;
        return op;
      }
    }
    return undefined;
  },
  before(ask) {
    if (!ask.op)
      throw new Denied(90023, 'Nothing is here.', { status: 404,
        error: 'invalid_request' });
    return 0;
  },
  work: (ask) => OPERATIONS[ask.op](ask),
  failure(e) {
    if (!(e instanceof Denied))
      console.error(e);
    return answerOf(e instanceof Denied ? e
      : new Denied(90033, 'A transient error has occurred.', { status: 500,
        error: 'temporarily_unavailable' }));
  },
  status: (n) => answerOf(new Denied(n === 429 ? 90055 : 90033,
    'A transient error has occurred.', { status: n,
      error: n >= 500 ? 'temporarily_unavailable' : 'invalid_client' })),
};
