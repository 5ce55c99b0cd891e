/*
 * Requests to the stand-in, as check-*.mjs need them: well-formed or not.
 */
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { ctl } from './tap.mjs';

const { env } = process;
const ca = fs.readFileSync(env.HUB_CA);
const tls = new https.Agent({ keepAlive: true, maxSockets: 8, ca });
const plain = new http.Agent({ keepAlive: true });
let sas = '';

export const A = 'A'.repeat(64);
export const B = 'B'.repeat(64);

/* { status, headers, text, json }. */
function answerOf(rs, done) {
  let text = '';
  rs.setEncoding('utf8');
  rs.on('data', (chunk) => { text += chunk; });
  rs.on('error', done);
  rs.on('end', () => {
    let json;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    done(null, { status: rs.statusCode, headers: rs.headers, text, json });
  });
}

export function send(url, { method = 'GET', headers = {}, body, ...more }) {
  const secure = url.startsWith('https:');
  return new Promise((resolve, reject) => {
    const rq = (secure ? https : http).request(url, { method, headers,
      agent: secure ? tls : plain, ...more },
    (rs) => answerOf(rs, (e, answer) => (e ? reject(e) : resolve(answer))));
    rq.on('error', reject);
    rq.end(body);
  });
}

/* To the hub by its name, signed unless `authorization` is given. */
export async function hub(method, path, body, headers = {}, version) {
  if (sas === '')
    sas = await ctl('/sas');
  const at = path.includes('?') ? '&' : '?';
  return send(`https://127.0.0.1:${env.HUB_PORT}${path}${at}api-version=${
    version ?? '2021-04-12'}`, {
    method, servername: env.HUB_HOST,
    headers: { authorization: sas, 'content-type': 'application/json',
      ...headers },
    body: body === undefined || typeof body === 'string' ? body
      : JSON.stringify(body),
  });
}

export const code = (answer) =>
  [answer.status, answer.headers['iothub-errorcode']];

export const device = (deviceId, more = {}) => ({ deviceId,
  authentication: { type: 'selfSigned',
    x509Thumbprint: { primaryThumbprint: A } }, ...more });

export const item = (id, more = {}) => ({ id, importMode: 'create',
  status: 'enabled', authentication: { type: 'selfSigned' }, ...more });

export const create = (id, more) =>
  hub('PUT', `/devices/${encodeURIComponent(id)}`, device(id, more));

export async function anew() {
  await ctl('/reset', {});
}
