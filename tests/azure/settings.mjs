/*
 * What tests may change while the stand-in runs, and the cloud's clock.
 */
const DEFAULTS = {
  tokenLifetime: 3599, // s
  tolerance: 300, // s, of clocks
  envelope: 'A', // or B, nested
  bulkErrorCode: 'name', // or number
  twinThumbprint: 'primaryThumbprint', // or PrimaryThumbprint
  refuseReplay: false,
  pssSalt: 'digest', // or any
  retryAfter: null, // s
  queryLag: 0, // ms
  tier: 'standard', // or basic
  log: true,
};

const CHOICES = {
  envelope: ['A', 'B', 'nested'],
  bulkErrorCode: ['name', 'number'],
  twinThumbprint: ['primaryThumbprint', 'PrimaryThumbprint'],
  pssSalt: ['digest', 'any'],
  tier: ['standard', 'basic'],
};

export const settings = { ...DEFAULTS };

function fits(name, value) {
  if (name in CHOICES)
    return CHOICES[name].includes(value);
  if (name === 'retryAfter' && value === null)
    return true;
  return typeof value === typeof (DEFAULTS[name] ?? 0);
}

export function change(wanted) {
  for (const [name, value] of Object.entries(wanted))
    if (!(name in DEFAULTS) || !fits(name, value))
      throw new Error(`no such setting: ${name} = ${JSON.stringify(value)}`);
  Object.assign(settings, wanted);
  return settings;
}

export const clock = {
  skew: 0, // s
  now() { return Date.now() + this.skew * 1000; },
  seconds() { return Math.floor(this.now() / 1000); },
};

export function reset() {
  Object.assign(settings, DEFAULTS);
  clock.skew = 0;
}
