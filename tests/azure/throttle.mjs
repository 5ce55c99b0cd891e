/*
 * So many operations a second: first what comes too early waits, then it is
 * refused, with 429 and the end of the connection.
 */
import { Refusal } from './errors.mjs';
import { settings } from './settings.mjs';

/* One unit of an S1 hub. */
const PRESETS = {
  S1: {
    identity: { rate: 100 / 60, burst: 100, queue: 3 },
    twinRead: { rate: 100, burst: 100, queue: 3 },
    twinWrite: { rate: 50, burst: 50, queue: 3 },
    query: { rate: 20 / 60, burst: 20, queue: 3 },
  },
};

const CLASSES = ['identity', 'twinRead', 'twinWrite', 'query'];
let buckets = {};
let refused = 0;

export const throttled = () => refused;

export function set(limits) {
  const wanted = typeof limits === 'string' ? PRESETS[limits] : limits ?? {};
  if (!wanted)
    throw new Error(`no such throttle: ${limits}`);
  const made = {};
  for (const [name, limit] of Object.entries(wanted)) {
    if (!CLASSES.includes(name) || !(limit.rate > 0))
      throw new Error(`no such throttle: ${name}`);
    const burst = limit.burst ?? Math.max(1, limit.rate);
    made[name] = { rate: limit.rate, burst, queue: limit.queue ?? 0,
      level: burst, at: performance.now() };
  }
  buckets = made;
  refused = 0;
}

function fill(bucket) {
  const now = performance.now();
  bucket.level = Math.min(bucket.burst,
    bucket.level + (now - bucket.at) / 1000 * bucket.rate);
  bucket.at = now;
}

function refusal() {
  const headers = { Connection: 'close' };
  if (settings.retryAfter !== null)
    headers['Retry-After'] = String(settings.retryAfter);
  refused++;
  return new Refusal('ThrottlingException', 'The request has been throttled. ' +
    'Wait 10 seconds and try again. Operation type: CRUD', headers);
}

/* ms to wait; throws what is beyond the queue. */
export function wait(name, cost) {
  const bucket = buckets[name];
  if (!bucket)
    return 0;
  fill(bucket);
  const delay = Math.max(0, (cost - bucket.level) / bucket.rate);
  /* A bulk larger than the bucket would never come. */
  if (delay > bucket.queue && !(cost > bucket.burst &&
      bucket.level === bucket.burst))
    throw refusal();
  bucket.level -= cost;
  return delay * 1000;
}
