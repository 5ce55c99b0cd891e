/*
 * The stand-in's tokens: client assertions good and bad, and the endpoints of
 * managed identities.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { anew, create, hub, send } from './check-lib.mjs';
import { ctl, failed, ok } from './tap.mjs';

const { env } = process;
const SCOPE = 'https://iothubs.azure.net/.default';
const RESOURCE = encodeURIComponent('https://iothubs.azure.net');
const URL_PATH = `/${env.APP_TENANT}/oauth2/v2.0/token`;
const BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const key = crypto.createPrivateKey(fs.readFileSync(env.APP_KEY));
const certificate = new crypto.X509Certificate(fs.readFileSync(env.APP_CERT));
const { constants } = crypto;
const EC = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

await anew();
await create('d');

/* ---- client assertions --------------------------------------------------- */

const digest = (name) =>
  crypto.createHash(name).update(certificate.raw).digest('base64url');
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signatureOf(text, alg, salt, by) {
  if (alg === 'PS256')
    return crypto.sign('sha256', text, { key: by, saltLength: salt,
      padding: constants.RSA_PKCS1_PSS_PADDING });
  return crypto.sign('sha256', text, by);
}

function jwt({ header = {}, claims = {}, salt = 32, by = key }) {
  const now = Math.floor(Date.now() / 1000);
  const h = { alg: 'PS256', typ: 'JWT', 'x5t#S256': digest('sha256'), ...header };
  const c = { aud: env.LOGIN_URL + URL_PATH, iss: env.APP_CLIENT_ID,
    sub: env.APP_CLIENT_ID, jti: crypto.randomUUID(), nbf: now, iat: now,
    exp: now + 600, ...claims };
  const text = `${b64(h)}.${b64(c)}`;
  const signature = signatureOf(Buffer.from(text), h.alg, salt, by);
  return `${text}.${signature.toString('base64url')}`;
}

function ask(assertion, more = {}, path = URL_PATH) {
  const body = new URLSearchParams({ client_id: env.APP_CLIENT_ID, scope: SCOPE,
    grant_type: 'client_credentials', client_assertion_type: BEARER,
    client_assertion: assertion, ...more }).toString();
  return send(env.LOGIN_URL + path, { method: 'POST', body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' } });
}

async function denied(assertion, status, error, number, more, path) {
  const answer = await ask(assertion, more, path);
  assert.deepEqual([answer.status, answer.json.error, answer.json.error_codes],
    [status, error, [number]], answer.text);
  assert.match(answer.json.error_description, new RegExp(`^AADSTS${number}: `));
}

await ok('PS256 with x5t#S256, and the hub takes the token', async () => {
  const answer = await ask(jwt({}));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.token_type, 'Bearer');
  assert.equal(answer.json.expires_in, 3599);
  const authorization = `Bearer ${answer.json.access_token}`;
  assert.equal((await hub('GET', '/devices/d', undefined,
    { authorization })).status, 200);
});

await ok('RS256 with x5t', async () => {
  const header = { alg: 'RS256', 'x5t#S256': undefined, x5t: digest('sha1') };
  assert.equal((await ask(jwt({ header }))).status, 200);
});

await ok('an audience by the real name of the host', async () => {
  const aud = `https://login.example${URL_PATH}`;
  assert.equal((await ask(jwt({ claims: { aud } }))).status, 200);
});

await ok('a salt of another length, when it is let in', async () => {
  const long = jwt({ salt: constants.RSA_PSS_SALTLEN_MAX_SIGN });
  await denied(long, 401, 'invalid_client', 700027);
  await ctl('/settings', { pssSalt: 'any' });
  assert.equal((await ask(long)).status, 200);
});

await ok('signatures that are not good', async () => {
  const other = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  await denied(jwt({ by: other.privateKey }), 401, 'invalid_client', 700027);
  await denied(jwt({ header: { 'x5t#S256': 'AAAA' } }), 401, 'invalid_client',
    700027);
  await denied(jwt({ header: { alg: 'ES256' }, by: EC }), 401, 'invalid_client',
    5002738);
  await denied(jwt({}).replace(/.$/, '!'), 400, 'invalid_request', 50027);
  await denied('a.b', 400, 'invalid_request', 50027);
});

await ok('claims that are not good', async () => {
  const now = Math.floor(Date.now() / 1000);
  const bad = (claims) => jwt({ claims });
  await denied(bad({ aud: 'https://else.example/' }), 401, 'invalid_client',
    700023);
  await denied(bad({ exp: now - 400, nbf: now - 1000 }), 401, 'invalid_client',
    700024);
  await denied(bad({ nbf: now + 400, exp: now + 900 }), 401, 'invalid_client',
    700024);
  await denied(bad({ sub: 'other' }), 401, 'invalid_client', 700021);
  await denied(bad({ jti: undefined }), 400, 'invalid_request', 50027);
  await denied(bad({ exp: 'soon' }), 400, 'invalid_request', 50027);
});

await ok('twice the same, when that is refused', async () => {
  const once = jwt({});
  assert.equal((await ask(once)).status, 200);
  assert.equal((await ask(once)).status, 200);
  await ctl('/settings', { refuseReplay: true });
  await denied(once, 401, 'invalid_client', 50013);
});

await ok('requests that are not good', async () => {
  const bad = (error, number, more) =>
    denied(jwt({}), 400, error, number, more);
  await bad('unauthorized_client', 700016, { client_id: 'nobody' });
  await bad('invalid_scope', 1002012, { scope: 'https://iothubs.azure.net' });
  await bad('invalid_resource', 500011, { scope: 'https://x.example/.default' });
  await bad('unsupported_grant_type', 70003, { grant_type: 'password' });
  await bad('invalid_request', 900144, { scope: '' });
  await denied(jwt({}), 401, 'invalid_client', 7000216,
    { client_assertion_type: 'x' });
  await denied(jwt({}), 400, 'invalid_request', 90002, {},
    '/nobody/oauth2/v2.0/token');
});

await ok('a federated token', async () => {
  const token = () => fs.readFileSync(env.FEDERATED_FILE, 'utf8');
  assert.equal((await ask(token())).status, 200);
  await ctl('/federated', { audience: 'api://else' });
  await denied(token(), 401, 'invalid_client', 700212);
  await ctl('/federated', { issuer: 'https://else.example' });
  await denied(token(), 401, 'invalid_client', 700211);
  await ctl('/federated', { lifetime: -400 });
  await denied(token(), 401, 'invalid_client', 700024);
  await ctl('/federated', {});
});

await ok('faults there, too', async () => {
  await ctl('/faults', { service: 'login', op: 'token', do: 'status',
    status: 503 });
  assert.equal((await ask(jwt({}))).status, 503);
  assert.equal((await ask(jwt({}))).status, 200);
});

/* ---- managed identities -------------------------------------------------- */

const META = { metadata: 'true' };
const imds = (query, headers = META) => send(
  `${env.IMDS_URL}/metadata/identity/oauth2/token?${query}`, { headers });
const hubTakes = async (token) => assert.equal((await hub('GET', '/devices/d',
  undefined, { authorization: `Bearer ${token}` })).status, 200);

await ok('IMDS: numbers are text', async () => {
  const { status, json } = await imds(
    `api-version=2018-02-01&resource=${RESOURCE}`);
  assert.equal(status, 200);
  for (const name of ['expires_in', 'expires_on', 'not_before'])
    assert.match(json[name], /^\d+$/);
  await hubTakes(json.access_token);
});

await ok('IMDS: what it refuses', async () => {
  const good = `api-version=2018-02-01&resource=${RESOURCE}`;
  const bad = [[good, {}], [good, { ...META, 'x-forwarded-for': '1' }],
    [`resource=${RESOURCE}`], [`api-version=1999-01-01&resource=${RESOURCE}`],
    ['api-version=2018-02-01'], [`${good}&client_id=nobody`],
    [`${good}&object_id=x`]];
  for (const [query, headers] of bad) {
    const answer = await imds(query, headers);
    assert.deepEqual([answer.status, answer.json.error], [400,
      'invalid_request'], query);
  }
  assert.equal((await imds('api-version=2018-02-01&resource=https%3A%2F%2Fx'))
    .json.error, 'invalid_resource');
});

await ok('App Service wants its header', async () => {
  const get = (secret) => send(`${env.APPSERVICE_ENDPOINT}?api-version=2019-08-01` +
    `&resource=${RESOURCE}`, { headers: { 'x-identity-header': secret } });
  assert.equal((await get('x')).status, 401);
  await hubTakes((await get(env.APPSERVICE_HEADER)).json.access_token);
});

await ok('Azure Arc: the file that it names, once', async () => {
  const get = (headers) => send(`${env.ARC_ENDPOINT}?api-version=2020-06-01` +
    `&resource=${RESOURCE}`, { headers: { ...META, ...headers } });
  const first = await get({});
  assert.equal(first.status, 401);
  const [, file] = /^Basic realm=(.*\.key)$/.exec(
    first.headers['www-authenticate']);
  assert.ok(file.startsWith(`${env.ARC_FOLDER}/`));
  const authorization = `Basic ${fs.readFileSync(file, 'utf8')}`;
  assert.equal((await get({ authorization: 'Basic x' })).status, 401);
  await hubTakes((await get({ authorization })).json.access_token);
  assert.equal((await get({ authorization })).status, 401);
  assert.ok(!fs.existsSync(file));
});

process.exit(failed() ? 1 : 0);
