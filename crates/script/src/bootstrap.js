// What every sandbox runs first: bounds for built-ins that never look at the interrupt, and the
// clock and randomness that were handed in instead of the machine's own.
(function (now, random) {
  'use strict';
  const apply = Reflect.apply, construct = Reflect.construct, define = Object.defineProperty;
  const RangeErr = RangeError, Str = String, Num = Number;
  const ELEMENTS = 1e6, SORTED = 1e5, PRODUCT = 5e7;
  const put = (owner, name, value) =>
    define(owner, name, { value, writable: true, enumerable: false, configurable: true });
  const bound = (owner, name, limit, check) => {
    const original = owner[name];
    if (typeof original !== 'function') return;
    const wrapper = { [name](...args) {
      if (check(this, args) > limit) throw new RangeErr(name + ': too many elements');
      return apply(original, this, args);
    } }[name];
    define(wrapper, 'length', { value: original.length, configurable: true });
    put(owner, name, wrapper);
  };
  const size = (self) => self == null ? 0 : Num(self.length);

  for (const name of ['join', 'toString', 'toLocaleString', 'fill', 'indexOf', 'lastIndexOf', 'includes',
    'reverse', 'concat', 'slice', 'splice', 'copyWithin', 'flat', 'flatMap', 'every', 'some', 'map',
    'filter', 'forEach', 'reduce', 'reduceRight', 'find', 'findIndex', 'findLast', 'findLastIndex',
    'shift', 'unshift', 'toReversed', 'toSpliced', 'with'])
    bound(Array.prototype, name, ELEMENTS, size);
  for (const name of ['sort', 'toSorted']) bound(Array.prototype, name, SORTED, size);
  bound(Array.prototype, 'concat', ELEMENTS, (self, args) => {
    let total = size(self);
    for (let i = 0; i < args.length; i++) if (typeof args[i] === 'object') total += size(args[i]) || 0;
    return total;
  });
  bound(Array, 'from', ELEMENTS, (self, args) => size(args[0]));

  const searches = (self, args) => {
    const what = args[0];
    return typeof what === 'object' && what !== null ? 0 : Str(self).length * Str(what).length;
  };
  for (const name of ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll'])
    bound(String.prototype, name, PRODUCT, searches);
  for (const name of ['repeat', 'padStart', 'padEnd'])
    bound(String.prototype, name, 16 << 20, (self, args) =>
      name === 'repeat' ? Str(self).length * Num(args[0]) : Num(args[0]));

  if (typeof BigInt === 'function') {
    // Products of two such numbers are the largest that a single step without interrupt makes.
    const most = 1n << 65536n, least = -most;
    const big = (self) => typeof self === 'bigint' && (self > most || self < least) ? 2 : 0;
    bound(BigInt.prototype, 'toString', 1, big);
    bound(BigInt.prototype, 'toLocaleString', 1, big);
    const Original = BigInt;
    const wrapper = function BigInt(value) {
      if (new.target) throw new TypeError('BigInt is not a constructor');
      if (typeof value === 'string' && value.length > 20000) throw new RangeErr('BigInt: too many digits');
      return Original(value);
    };
    put(wrapper, 'asIntN', Original.asIntN);
    put(wrapper, 'asUintN', Original.asUintN);
    define(wrapper, 'prototype', { value: Original.prototype });
    put(Original.prototype, 'constructor', wrapper);
    put(globalThis, 'BigInt', wrapper);
  }

  const Original = Date;
  const Clock = function Date(...args) {
    if (!new.target) return new Original(now()).toString();
    return construct(Original, args.length ? args : [now()], new.target);
  };
  define(Clock, 'length', { value: 7, configurable: true });
  define(Clock, 'prototype', { value: Original.prototype });
  put(Original.prototype, 'constructor', Clock);
  put(Clock, 'now', { now() { return now(); } }.now);
  put(Clock, 'parse', Original.parse);
  put(Clock, 'UTC', Original.UTC);
  put(globalThis, 'Date', Clock);
  put(Math, 'random', { random() { return random(); } }.random);

  // Shared memory and waiting have no place in a session; finalizers would be jobs.
  for (const name of ['SharedArrayBuffer', 'Atomics', 'FinalizationRegistry', 'WeakRef', 'performance',
    'navigator', 'queueMicrotask', 'gc'])
    delete globalThis[name];
})
