/*
 * What IoT Hub refuses, and how it says so: the header iothub-errorcode and
 * one of two envelopes.
 */
import crypto from 'node:crypto';
import { clock, settings } from './settings.mjs';

export const CODES = {
  ArgumentInvalid: 400004, IotHubFormatError: 400006,
  InvalidProtocolVersion: 400001, DeviceDefinedMultipleTimes: 400011,
  StringIsNotThumbprint: 400004, ThumbprintSizesMustMatch: 400004,
  IotHubUnauthorizedAccess: 401002, IotHubQuotaExceeded: 403002,
  OperationNotAvailableInCurrentTier: 403006, DeviceNotFound: 404001,
  DeviceAlreadyExists: 409001, PreconditionFailed: 412001,
  MessageTooLarge: 413001, TooManyDevices: 413002,
  UnsupportedMediaType: 415001, ThrottlingException: 429001,
  ThrottleBacklogLimitExceeded: 429002, ThrottlingBacklogTimeout: 429003,
  ServerError: 500001, ServiceUnavailable: 503001,
  DeviceRegisteredWithoutTwin: 200001,
};

/* The code that goes with a status when a fault names none. */
const USUAL = {
  400: 'ArgumentInvalid', 401: 'IotHubUnauthorizedAccess',
  403: 'IotHubQuotaExceeded', 404: 'DeviceNotFound',
  409: 'DeviceAlreadyExists', 412: 'PreconditionFailed',
  413: 'TooManyDevices', 429: 'ThrottlingException', 500: 'ServerError',
  503: 'ServiceUnavailable',
};

export class Refusal extends Error {
  constructor(code, text = code, headers = {}, status = 0) {
    super(text);
    this.code = code;
    this.status = status || Math.floor(CODES[code] / 1000);
    this.headers = headers;
  }
}

export function refusalOf(status, code) {
  const name = code ?? USUAL[status] ?? 'ServerError';
  return new Refusal(name, name, {}, status);
}

const two = (n) => String(n).padStart(2, '0');

function tracking(now) {
  const t = new Date(now);
  const day = `${two(t.getUTCMonth() + 1)}/${two(t.getUTCDate())}/` +
    t.getUTCFullYear();
  const time = [t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()];
  return `${crypto.randomUUID().replaceAll('-', '')}-G:5-TimeStamp:` +
    `${day} ${time.map(two).join(':')}`;
}

function envelopeB(refusal) {
  const now = clock.now();
  return {
    errorCode: CODES[refusal.code] ?? refusal.status * 1000,
    message: refusal.message, trackingId: tracking(now),
    timestampUtc: new Date(now).toISOString(),
  };
}

/* Inside A a B may be nested, as text. */
function envelopeA(refusal) {
  const inner = settings.envelope === 'nested'
    ? JSON.stringify(envelopeB(refusal)) : refusal.message;
  return {
    Message: `ErrorCode:${refusal.code};${inner}`,
    ExceptionMessage: `Tracking ID:${tracking(clock.now())}`,
  };
}

export function refuse(refusal) {
  return {
    status: refusal.status,
    code: refusal.code,
    headers: { 'iothub-errorcode': refusal.code, ...refusal.headers },
    body: settings.envelope === 'B' ? envelopeB(refusal) : envelopeA(refusal),
  };
}
