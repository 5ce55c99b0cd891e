/*
 * What goes wrong, by rule: which requests, when in their series, and how.
 */
const ACTIONS = ['cut', 'truncate', 'status', 'garbage', 'delay', 'slow', 'hang',
  'race', 'partial', 'expire'];
const MEMBERS = new Set(['service', 'op', 'method', 'path', 'skip', 'times',
  'rate', 'when', 'do', 'status', 'code', 'headers', 'body', 'ms', 'what',
  'change', 'ids', 'every', 'effect']);

let rules = [];

export function clear() {
  rules = [];
}

/* Work that is answered wrongly was done. */
const LATE = ['truncate', 'garbage', 'slow'];
const EARLY = ['partial', 'expire'];

function ruleOf(given) {
  for (const name of Object.keys(given))
    if (!MEMBERS.has(name))
      throw new Error(`a rule has no "${name}"`);
  if (!ACTIONS.includes(given.do))
    throw new Error(`do: one of ${ACTIONS.join(', ')}`);
  if (given.do === 'status' && !(given.status >= 100 && given.status <= 599))
    throw new Error('status: a number');
  if (![undefined, 'before', 'after'].includes(given.when))
    throw new Error('when: before or after');
  if (given.when === 'after' && EARLY.includes(given.do))
    throw new Error(`${given.do}: before only`);
  const rule = { service: 'hub', skip: 0, times: 1, rate: 1, when: 'before',
    ...given, seen: 0, fired: 0 };
  if (LATE.includes(rule.do))
    rule.when = 'after';
  rule.expression = rule.path === undefined ? null : new RegExp(rule.path);
  return rule;
}

export function add(given) {
  rules.push(...[given].flat().map(ruleOf));
}

export const show = () => rules.map(({ expression, ...rule }) => rule);

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function matches(rule, ask) {
  return rule.service === ask.service &&
    (rule.op === undefined || rule.op === ask.op) &&
    (rule.method === undefined || rule.method === ask.method) &&
    (rule.expression === null || rule.expression.test(decoded(ask.path)));
}

/* The rule that fires for this one, or null. */
export function pick(ask) {
  for (const rule of rules) {
    if ((rule.times > 0 && rule.fired >= rule.times) || !matches(rule, ask))
      continue;
    rule.seen++;
    if (rule.seen <= rule.skip || Math.random() >= rule.rate)
      continue;
    rule.fired++;
    return rule;
  }
  return null;
}
