// The script side of a session. Each `//# name` begins a function that the engine calls; `$` holds
// the scopes: s session, a application, d document, l dialog, n anonymous, t where `var` declares.

//# boot
function (session) {
  'use strict';
  const blank = () => Object.create(null);
  const frozen = (value) => {
    if (value !== null && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen);
    return value;
  };
  const $ = { s: blank(), l: blank(), n: blank(), names: [], stack: [], params: null, next: {}, rules: [] };
  $.a = $.d = $.t = blank();
  for (const key of Object.keys(session)) $.s[key] = frozen(session[key]);
  Object.freeze($.s);
  for (const [name, key] of [['session', 's'], ['application', 'a'], ['document', 'd'], ['dialog', 'l']])
    Object.defineProperty(globalThis, name, {
      get() { return $[key]; },
      set() { throw new TypeError(name + ' is no variable'); },
      enumerable: false, configurable: false,
    });
  return $;
}

//# application
function ($) {
  $.a = $.d = $.t = Object.create(null);
  $.l = Object.create(null);
  $.n = Object.create(null);
}

//# document
function ($, isRoot) {
  $.d = $.t = isRoot ? $.a : Object.create(null);
  $.l = Object.create(null);
  $.n = Object.create(null);
}

//# dialog
function ($, names) {
  $.l = $.t = Object.create(null);
  $.n = Object.create(null);
  $.names = names;
}

//# anonymous
function ($) { $.n = $.t = Object.create(null); }

//# event
function ($, event, message, element, line, url) {
  const scope = $.n = $.t = Object.create(null);
  scope._event = event;
  scope._message = message;
  scope._element = element;
  scope._line = line;
  scope._url = url;
}

//# declare
function ($, name, value) { $.t[name] = value; }

//# parameter
function ($, name) {
  'use strict';
  if ($.params === null || !Object.prototype.hasOwnProperty.call($.params, name)) return false;
  $.t[name] = $.params[name];
  return true;
}

//# param
function ($, name, value) { $.next[name] = value; }

//# param_names
function ($) { return $.params === null ? [] : Object.keys($.params); }

//# no_params
function ($) { $.params = null; }

//# assign
function ($, name, value) {
  'use strict';
  for (const scope of [$.n, $.l, $.d, $.a]) if (name in scope) { scope[name] = value; return; }
  if (name in $.s) throw new TypeError(name + ' is read-only');
  if (!Object.prototype.hasOwnProperty.call(globalThis, name)) throw new ReferenceError(name + ' is not declared');
  globalThis[name] = value;
}

//# assign_scoped
function ($, scope, name, value) {
  'use strict';
  const found = { application: $.a, document: $.d, dialog: $.l }[scope];
  if (found === undefined) throw new TypeError(scope + ' is read-only');
  if (!(name in found)) throw new ReferenceError(scope + '.' + name + ' is not declared');
  found[name] = value;
}

//# next
function ($, from) {
  for (let index = from; index < $.names.length; index++) if ($.l[$.names[index]] === undefined) return index;
  return -1;
}

//# items
function ($, indexes) {
  return indexes.map((index) => {
    const value = $.l[$.names[index]];
    if (value === undefined) return null;
    return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
  });
}

//# put
function ($, name, value) {
  for (const scope of [$.n, $.l, $.d, $.a]) if (name in scope) { scope[name] = value; return; }
  $.t[name] = value;
}

//# lastmessage
function ($, content) { $.a.lastmessage$ = { content }; }

//# unset
function ($, index) { $.l[$.names[index]] = undefined; }

//# fill
function ($, index, value, shadow) {
  $.l[$.names[index]] = value;
  if (shadow !== undefined) $.l[$.names[index] + '$'] = shadow;
}

//# accept
function ($, utterance, index, slot) {
  const value = $.value;
  const result = { utterance, inputmode: 'dtmf', confidence: 1, interpretation: value };
  const list = [result];
  Object.assign(list, result);
  $.a.lastresult$ = list;
  if (index < 0) return;
  const has = value !== null && typeof value === 'object' && Object.prototype.hasOwnProperty.call(value, slot);
  $.l[$.names[index]] = has ? value[slot] : value;
  $.l[$.names[index] + '$'] = Object.assign({}, result);
}

//# slots
function ($, slots) {
  const value = $.value, filled = [];
  if (value === null || typeof value !== 'object') return filled;
  for (const [index, slot] of slots)
    if (Object.prototype.hasOwnProperty.call(value, slot)) {
      $.l[$.names[index]] = value[slot];
      $.l[$.names[index] + '$'] = Object.assign({}, $.a.lastresult$[0]);
      filled.push(index);
    }
  return filled;
}

//# value
function ($, value) { $.value = value; }

//# rule_enter
function ($) { $.rules.push({ out: {}, rules: {}, text: '', tagged: false }); $.g = $.rules[$.rules.length - 1]; $.latest($.g); }

//# rule_start
function ($) {
  'use strict';
  $.rules = [];
  $.g = null;
  $.latest = (rule) => {
    Object.defineProperty(rule.rules, 'latest', { value: () => rule.last, enumerable: false });
    rule.meta = { current: () => ({ text: rule.text, score: 1 }), latest: () => ({ text: rule.text, score: 1 }) };
  };
}

//# rule_text
function ($, text) { for (const rule of $.rules) rule.text += text; }

//# rule_tag
function ($, value, bare) {
  $.g.tagged = true;
  if (bare && value !== undefined) $.g.out = value;
}

//# rule_leave
function ($, name) {
  const rule = $.rules.pop();
  const result = rule.tagged ? rule.out : 'last' in rule ? rule.last : rule.text;
  $.g = $.rules[$.rules.length - 1] || null;
  if ($.g === null) { $.value = result; return; }
  $.g.rules[name] = result;
  $.g.last = result;
}

//# push
function ($) {
  const { a, d, l, n, t, names, params } = $;
  $.stack.push({ a, d, l, n, t, names, params });
  $.params = $.next;
  $.next = {};
}

//# pop
function ($) { Object.assign($, $.stack.pop()); }

//# export
function (value) {
  'use strict';
  const open = [];
  const copy = (value) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) return undefined;
    if (value === null || typeof value !== 'object') return value;
    if (open.includes(value) || open.length > 100) return undefined;
    open.push(value);
    let out;
    if (typeof value.toJSON === 'function') out = copy(value.toJSON());
    else if (Array.isArray(value)) out = value.map((item) => { const one = copy(item); return one === undefined ? null : one; });
    else {
      out = {};
      for (const key of Object.keys(value)) { const one = copy(value[key]); if (one !== undefined) out[key] = one; }
    }
    open.pop();
    return out;
  };
  const out = copy(value);
  return out === undefined ? [] : [out];
}

//# text
function (value) {
  'use strict';
  if (value === undefined) return null;
  if (value !== null && typeof value === 'object' && !(value instanceof Date)) {
    if (typeof value.toJSON !== 'function' && !Array.isArray(value) && Object.keys(value).length === 0) return '{}';
    const text = JSON.stringify(value);
    return text === undefined ? String(value) : text;
  }
  return String(value);
}

//# list
function (value) {
  if (Array.isArray(value)) return value.slice();
  throw new TypeError('the array of a foreach is no array');
}

//# count
function (list) { return list.length; }

//# element
function ($, list, index, name) { $.t[name] = list[index]; }

//# parse_xml
(function () {
  'use strict';
  class Node {
    constructor(parent) { Object.defineProperty(this, 'parentNode', { value: parent, enumerable: false }); }
    get firstChild() { return this.childNodes[0] || null; }
    get lastChild() { return this.childNodes[this.childNodes.length - 1] || null; }
    get nextSibling() { return this.sibling(1); }
    get previousSibling() { return this.sibling(-1); }
    sibling(step) {
      if (this.parentNode === null) return null;
      const all = this.parentNode.childNodes;
      return all[all.indexOf(this) + step] || null;
    }
    get ownerDocument() { let node = this; while (node.parentNode) node = node.parentNode; return node; }
    get children() { return this.childNodes.filter((node) => node.nodeType === 1); }
    get textContent() { return this.childNodes.map((node) => node.textContent).join(''); }
    getElementsByTagName(name) {
      const found = [];
      found.item = (index) => found[index] || null;
      for (const child of this.children) {
        if (name === '*' || child.tagName === name) found.push(child);
        for (const inner of child.getElementsByTagName(name)) found.push(inner);
      }
      return found;
    }
    hasChildNodes() { return this.childNodes.length > 0; }
  }
  class Text extends Node {
    constructor(text, parent) { super(parent); this.data = text; this.childNodes = []; }
    get nodeType() { return 3; }
    get nodeName() { return '#text'; }
    get nodeValue() { return this.data; }
    get textContent() { return this.data; }
    get length() { return this.data.length; }
    toString() { return this.data; }
  }
  class Element extends Node {
    constructor(tree, parent) {
      super(parent);
      this.tagName = tree.name;
      this.namespaceURI = tree.namespace || null;
      this.attributes = tree.attributes;
      this.childNodes = tree.children.map((child) =>
        typeof child === 'string' ? new Text(child, this) : new Element(child, this));
    }
    get nodeType() { return 1; }
    get nodeName() { return this.tagName; }
    get localName() { return this.tagName; }
    get nodeValue() { return null; }
    getAttribute(name) { return this.hasAttribute(name) ? this.attributes[name] : ''; }
    hasAttribute(name) { return Object.prototype.hasOwnProperty.call(this.attributes, name); }
  }
  class Document extends Node {
    constructor(tree, text) {
      super(null);
      Object.defineProperty(this, 'source', { value: text, enumerable: false });
      this.childNodes = [new Element(tree, this)];
    }
    get nodeType() { return 9; }
    get nodeName() { return '#document'; }
    get documentElement() { return this.children[0] || null; }
    toString() { return this.source; }
    toJSON() { return this.source; }
  }
  return function (tree, text) { return new Document(tree, text); };
})()
