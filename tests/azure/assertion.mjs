/*
 * Client assertions (RFC 7523) as Entra checks them: signed with the
 * application's certificate, or issued by somebody whom it trusts.
 */
import crypto from 'node:crypto';
import { clock, settings } from './settings.mjs';

const FEDERATION_AUDIENCE = 'api://AzureADTokenExchange';
const PADDING = {
  RS: { padding: crypto.constants.RSA_PKCS1_PADDING },
  PS: { padding: crypto.constants.RSA_PKCS1_PSS_PADDING },
};

export class Denied extends Error {
  constructor(number, text, { error = 'invalid_client', status = 401 } = {}) {
    super(`AADSTS${number}: ${text}`);
    this.number = number;
    this.error = error;
    this.status = status;
  }
}

const malformed = (text) => new Denied(50027,
  `JWT token is invalid or malformed. ${text}`, { error: 'invalid_request',
    status: 400 });

/* { header, claims, text, signature }. */
export function read(jwt) {
  const parts = jwt.split('.');
  if (parts.length !== 3 || !parts.every((p) => /^[\w-]+$/.test(p)))
    throw malformed('Three parts in base64url are expected.');
  try {
    const [header, claims] = parts.slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    return { header, claims, text: `${parts[0]}.${parts[1]}`,
      signature: Buffer.from(parts[2], 'base64url') };
  } catch {
    throw malformed('Its parts are no JSON.');
  }
}

function signatureGood({ header, text, signature }, key) {
  const [, family, bits] = /^([RP]S)(256|384|512)$/.exec(header.alg) ?? [];
  if (!family)
    throw new Denied(5002738, `Invalid JWT token. '${header.alg}' is not a ` +
      "supported signature algorithm. Supported signing algorithms are: " +
      "'RS256, RS384, RS512, PS256, PS384, PS512'");
  const options = { key, ...PADDING[family] };
  if (family === 'PS')
    options.saltLength = settings.pssSalt === 'digest'
      ? crypto.constants.RSA_PSS_SALTLEN_DIGEST
      : crypto.constants.RSA_PSS_SALTLEN_AUTO;
  return crypto.verify(`sha${bits}`, Buffer.from(text), options, signature);
}

function timeCheck({ claims }) {
  const now = clock.seconds();
  const from = claims.nbf ?? claims.iat ?? 0;
  if (!Number.isInteger(claims.exp) || !Number.isInteger(from))
    throw malformed('exp, nbf or iat is no whole number.');
  if (now < from - settings.tolerance || now > claims.exp + settings.tolerance)
    throw new Denied(700024, 'Client assertion is not within its valid time ' +
      `range. Current time: ${new Date(now * 1000).toISOString()}, assertion ` +
      `valid from ${from}, expiry time of assertion ${claims.exp}.`);
}

const seen = new Set();
export const resetSeen = () => seen.clear();

function replayCheck({ claims }) {
  if (typeof claims.jti !== 'string' || claims.jti === '')
    throw malformed('There is no jti.');
  if (settings.refuseReplay && seen.has(claims.jti))
    throw new Denied(50013, 'Assertion failed: it has been used before.');
  seen.add(claims.jti);
}

/* ---- with a certificate -------------------------------------------------- */

function thumbprintFits({ header }, certificate) {
  const digest = (name) =>
    crypto.createHash(name).update(certificate.raw).digest();
  if (header['x5t#S256'] !== undefined)
    return header['x5t#S256'] === digest('sha256').toString('base64url');
  if (header.x5t !== undefined)
    return header.x5t === digest('sha1').toString('base64url');
  return header.kid?.toUpperCase() === digest('sha1').toString('hex').toUpperCase();
}

export function certificateCheck(jwt, app, clientId, audiences) {
  const { claims, header } = jwt;
  if (claims.iss !== clientId || claims.sub !== clientId)
    throw new Denied(700021, 'Client assertion application identifier ' +
      "doesn't match 'client_id' parameter.");
  if (!app.certificate || !thumbprintFits(jwt, app.certificate))
    throw new Denied(700027, 'The certificate with identifier used to sign ' +
      'the client assertion is not registered on application. [Reason - ' +
      `The key was not found., Thumbprint of key used by client: ${
        header['x5t#S256'] ?? header.x5t ?? header.kid ?? 'none'}]`);
  if (!signatureGood(jwt, app.certificate.publicKey))
    throw new Denied(700027, 'Client assertion failed signature validation. ' +
      '[Reason - The key used is expired or the signature is not of it.]');
  if (!audiences.includes(claims.aud))
    throw new Denied(700023, 'Client assertion audience claim does not match ' +
      'Realm issuer.');
  timeCheck(jwt);
  replayCheck(jwt);
}

/* ---- federated ----------------------------------------------------------- */

export function federationCheck(jwt, app) {
  const { claims } = jwt;
  const trusted = app.federated;
  if (!trusted || claims.iss !== trusted.issuer)
    throw new Denied(700211, 'No matching federated identity record found ' +
      `for presented assertion issuer '${claims.iss}'.`);
  if (claims.sub !== trusted.subject)
    throw new Denied(700213, 'No matching federated identity record found ' +
      `for presented assertion subject '${claims.sub}'.`);
  if (![claims.aud].flat().includes(FEDERATION_AUDIENCE))
    throw new Denied(700212, 'No matching federated identity record found ' +
      `for presented assertion audience '${claims.aud}'.`);
  if (!signatureGood(jwt, trusted.key))
    throw new Denied(700027, 'Client assertion failed signature validation.');
  timeCheck(jwt);
}
