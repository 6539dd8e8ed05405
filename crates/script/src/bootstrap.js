// What every sandbox runs first: bounds for built-ins that never look at the interrupt, and the
// clock and randomness that were handed in instead of the machine's own.
(function (now, random) {
  'use strict';
  const apply = Reflect.apply, construct = Reflect.construct, define = Object.defineProperty;
  const RangeErr = RangeError, TypeErr = TypeError, Obj = Object, isArray = Array.isArray;
  const ELEMENTS = 1e6, SORTED = 1e5, PRODUCT = 5e7, LETTERS = 16 << 20;
  const put = (owner, name, value) =>
    define(owner, name, { value, writable: true, enumerable: false, configurable: true });
  const wrap = (owner, name, make) => {
    const original = owner[name];
    if (typeof original !== 'function') return;
    const wrapper = make(original, name);
    define(wrapper, 'length', { value: original.length, configurable: true });
    put(owner, name, wrapper);
  };
  const tooMany = (name) => { throw new RangeErr(name + ': too many elements'); };
  // What is asked for is read once: a getter cannot say one thing here and another to the built-in.
  const trunc = Math.trunc;
  const lengthOf = (object, name, limit) => {
    const given = +object.length, length = given > 0 ? trunc(given) : 0;
    return length > limit ? tooMany(name) : length;
  };

  // Proxies are remembered: only an array that is none has a length that is nothing but a number.
  const Through = Proxy, revocable = Proxy.revocable, known = new WeakSet();
  const { has, add } = WeakSet.prototype;
  let proxied = false;
  const remember = (proxy) => { proxied = true; apply(add, known, [proxy]); return proxy; };
  const Wrapper = function Proxy(target, handler) {
    if (!new.target) throw new TypeErr('Proxy needs new');
    return remember(new Through(target, handler));
  };
  put(Wrapper, 'revocable', { revocable(target, handler) {
    const made = revocable(target, handler);
    remember(made.proxy);
    return made;
  } }.revocable);
  define(Wrapper, 'prototype', { value: undefined });
  put(globalThis, 'Proxy', Wrapper);
  const genuine = (value) => isArray(value) && !(proxied && apply(has, known, [value]));
  // A receiver with a length that stays what it is.
  const view = (self, name, limit) => {
    if (self === null || self === undefined) return self;
    if (genuine(self)) return self.length > limit ? tooMany(name) : self;
    const target = Obj(self), length = lengthOf(target, name, limit);
    return new Through(target, {
      get: (of, key) => key === 'length' ? length : of[key],
      has: (of, key) => key in of,
    });
  };

  const { slice, map, sort } = Array.prototype, { includes } = String.prototype;
  // Those with a callback, and those that search forward, look at the interrupt by themselves.
  for (const name of ['join', 'toLocaleString', 'fill', 'indexOf', 'reverse', 'slice', 'splice', 'copyWithin',
    'shift', 'unshift', 'toReversed', 'toSpliced', 'with'])
    wrap(Array.prototype, name, (original) => ({ [name](...args) {
      const seen = view(this, name, ELEMENTS), result = apply(original, seen, args);
      return result === seen ? this : result;
    } })[name]);
  const objectText = Obj.prototype.toString;
  wrap(Array.prototype, 'toString', () => ({ toString() {
    const join = this.join;
    return typeof join === 'function' ? apply(join, this, []) : apply(objectText, this, []);
  } }).toString);
  // Without a comparator long texts would be compared without an end: then it is done here.
  const byText = (a, b) => { const x = `${a}`, y = `${b}`; return x < y ? -1 : x > y ? 1 : 0; };
  const sorted = (items) => {
    let longest = 0;
    for (let i = 0; i < items.length; i++) {
      const item = items[i], type = typeof item;
      if (type === 'string') longest = item.length > longest ? item.length : longest;
      else if (item !== null && (type === 'object' || type === 'function')) longest = PRODUCT;
    }
    return apply(sort, items, items.length * longest > PRODUCT ? [byText] : []);
  };
  for (const name of ['sort', 'toSorted'])
    wrap(Array.prototype, name, (original) => ({ [name](compare) {
      const seen = view(this, name, SORTED), here = name === 'sort';
      if (compare !== undefined || seen === null || seen === undefined) {
        const result = apply(original, seen, [compare]);
        return here ? this : result;
      }
      const length = seen.length, items = [];
      for (let i = 0; i < length; i++) if (!here || i in seen) items[items.length] = seen[i];
      sorted(items);
      for (let i = 0; here && i < length; i++) if (i < items.length) seen[i] = items[i]; else delete seen[i];
      return here ? this : items;
    } })[name]);
  // These look into other arrays: done here, where the interrupt is looked at.
  const empty = (self) => apply(slice, isArray(self) ? self : [], [0, 0]);
  const flatten = (out, list, depth, name) => {
    const length = lengthOf(list, name, ELEMENTS);
    for (let i = 0; i < length; i++) {
      if (!(i in list)) continue;
      const item = list[i];
      if (depth > 0 && isArray(item)) flatten(out, item, depth - 1, name); else out[out.length] = item;
    }
    return out;
  };
  wrap(Array.prototype, 'flat', () => ({ flat(depth) {
    return flatten(empty(this), Obj(this), depth === undefined ? 1 : trunc(depth) || 0, 'flat');
  } }).flat);
  wrap(Array.prototype, 'flatMap', () => ({ flatMap(...args) {
    return flatten(empty(this), apply(map, view(this, 'flatMap', ELEMENTS), args), 1, 'flatMap');
  } }).flatMap);
  const spreadable = Symbol.isConcatSpreadable;
  wrap(Array.prototype, 'concat', () => ({ concat(...args) {
    if (this === null || this === undefined) throw new TypeErr('concat: there is no array');
    const out = empty(this);
    let n = 0;
    for (let i = -1; i < args.length; i++) {
      const item = i < 0 ? Obj(this) : args[i], type = typeof item;
      const spread = item === null || type !== 'object' && type !== 'function' ? false : item[spreadable];
      if (!(spread === undefined ? isArray(item) : spread)) { out[n++] = item; continue; }
      const length = lengthOf(item, 'concat', ELEMENTS - n);
      for (let k = 0; k < length; k++) if (k in item) out[n + k] = item[k];
      n += length;
    }
    out.length = n;
    return out;
  } }).concat);
  const iterator = Symbol.iterator;
  wrap(Array, 'from', (original) => ({ from(items, ...rest) {
    if (items !== null && items !== undefined && (genuine(items) || (items[iterator] ?? null) === null))
      items = view(items, 'from', ELEMENTS);
    return apply(original, this, [items, ...rest]);
  } }).from);
  wrap(JSON, 'stringify', (original) => ({ stringify(value, replacer, space) {
    if (isArray(replacer)) replacer = apply(slice, view(replacer, 'stringify', ELEMENTS), []);
    return apply(original, this, [value, replacer, space]);
  } }).stringify);

  const typed = Obj.getPrototypeOf(Uint8Array).prototype;
  const typedLength = Obj.getOwnPropertyDescriptor(typed, 'length').get;
  for (const name of ['sort', 'toSorted'])
    wrap(typed, name, (original) => ({ [name](...args) {
      if (apply(typedLength, this, []) > ELEMENTS) tooMany(name);
      return apply(original, this, args);
    } })[name]);

  const text = (self, name) => {
    if (self === null || self === undefined) throw new TypeErr(name + ': there is no text');
    return `${self}`;
  };
  const match = Symbol.match, Expression = RegExp;
  const isExpression = (what) => {
    const matches = what[match];
    return matches === undefined ? what instanceof Expression : !!matches;
  };
  // By what each asks an object that is sought; a text that becomes an expression is short: the
  // longer one is, the rarer it looks at the interrupt.
  const { split, replace, matchAll, search } = Symbol, EXPRESSION = 10000;
  const BY = { split, replace, replaceAll: replace, match, matchAll, search };
  for (const name of ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll', 'match', 'matchAll', 'search'])
    wrap(String.prototype, name, (original) => ({ [name](what, ...rest) {
      if (this === null || this === undefined) text(this, name);
      if (what !== null && typeof what === 'object' || typeof what === 'function') {
        if (name === 'includes' && isExpression(what)) throw new TypeErr('includes: no regular expressions');
        if ((name === 'replaceAll' || name === 'matchAll') && isExpression(what) && !apply(includes, `${what.flags}`, ['g']))
          throw new TypeErr(name + ': the expression is not global');
        const method = BY[name] && what[BY[name]];
        if (method !== undefined && method !== null) return apply(method, what, [this, ...rest]);
      }
      const whole = text(this, name), looks = name === 'match' || name === 'matchAll' || name === 'search';
      if (what === undefined && (looks || name === 'split')) return apply(original, whole, [what, ...rest]);
      const part = `${what}`;
      if (looks ? part.length > EXPRESSION : whole.length * part.length > PRODUCT) tooMany(name);
      return apply(original, whole, [part, ...rest]);
    } })[name]);
  for (const name of ['repeat', 'padStart', 'padEnd'])
    wrap(String.prototype, name, (original) => ({ [name](count, ...rest) {
      const whole = text(this, name), times = +count;
      if ((name === 'repeat' ? whole.length : 1) * times > LETTERS) tooMany(name);
      return apply(original, whole, [times, ...rest]);
    } })[name]);
  wrap(String, 'raw', () => ({ raw(strings, ...values) {
    const raw = Obj(strings.raw), length = lengthOf(raw, 'raw', ELEMENTS);
    let whole = '';
    for (let i = 0; i < length; i++) {
      whole += `${raw[i]}`;
      if (i + 1 < length && i < values.length) whole += `${values[i]}`;
    }
    return whole;
  } }).raw);
  // Runs of marks are put in order by insertion.
  const exec = Expression.prototype.exec;
  const marked = (whole, name) => {
    if (whole.length > 5000 && apply(exec, new Expression('\\p{M}{500}', 'u'), [whole]) !== null) tooMany(name);
    return whole;
  };
  wrap(String.prototype, 'normalize', (original) => ({ normalize(...args) {
    return apply(original, marked(text(this, 'normalize'), 'normalize'), args);
  } }).normalize);
  wrap(String.prototype, 'localeCompare', (original) => ({ localeCompare(other) {
    const name = 'localeCompare', whole = marked(text(this, name), name);
    return apply(original, whole, [marked(`${other}`, name)]);
  } }).localeCompare);

  if (typeof BigInt === 'function') {
    // Products of two such numbers are the largest that a single step without interrupt makes.
    const most = 1n << 65536n, least = -most;
    for (const name of ['toString', 'toLocaleString'])
      wrap(BigInt.prototype, name, (original) => ({ [name](...args) {
        if (typeof this === 'bigint' && (this > most || this < least)) tooMany(name);
        return apply(original, this, args);
      } })[name]);
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
