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
  const hidden = (name, value) => Object.defineProperty(globalThis, name, { value, enumerable: false });
  hidden('Node', Object.freeze({
    ELEMENT_NODE: 1, ATTRIBUTE_NODE: 2, TEXT_NODE: 3, CDATA_SECTION_NODE: 4, PROCESSING_INSTRUCTION_NODE: 7,
    COMMENT_NODE: 8, DOCUMENT_NODE: 9,
  }));
  hidden('DOMException', class extends Error { constructor(code, message) { super(message); this.code = code; } });
  // The member of a result that a slot names; a slot may lead into objects: `a.b`.
  $.slot = (value, slot) => {
    const has = (value, name) =>
      value !== null && typeof value === 'object' && Object.prototype.hasOwnProperty.call(value, name);
    if (has(value, slot)) return value[slot];
    for (const name of slot.split('.')) {
      if (!has(value, name)) return undefined;
      value = value[name];
    }
    return value;
  };
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

//# keep
function ($, name) { if (!(name in $.t)) $.t[name] = undefined; }

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
function ($, content, event) { $.a.lastmessage$ = { content, event }; }

//# unset
function ($, index) { $.l[$.names[index]] = undefined; }

//# fill
function ($, index, value, shadow) {
  $.l[$.names[index]] = value;
  if (shadow !== undefined) $.l[$.names[index] + '$'] = shadow;
}

//# accept
function ($, utterance, index, slot, markname, marktime) {
  const value = $.value;
  const result = { utterance, inputmode: 'dtmf', confidence: 1, interpretation: value };
  if (markname !== undefined) Object.assign(result, { markname, marktime });
  const list = [result];
  Object.assign(list, result);
  $.a.lastresult$ = list;
  if (index < 0) return;
  const found = $.slot(value, slot);
  $.l[$.names[index]] = found === undefined ? value : found;
  $.l[$.names[index] + '$'] = Object.assign({}, result);
}

//# slots
function ($, slots) {
  const value = $.value, filled = [];
  if (value === null || typeof value !== 'object') return filled;
  for (const [index, slot] of slots) {
    const found = $.slot(value, slot);
    if (found === undefined) continue;
    $.l[$.names[index]] = found;
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
  const list = (nodes) => Object.defineProperty(nodes, 'item', { value: (index) => nodes[index] || null });
  class Tree {
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
    get ownerDocument() { return this.top === this ? null : this.top; }
    get top() { let node = this; while (node.parentNode) node = node.parentNode; return node; }
    get attributes() { return null; }
    get namespaceURI() { return null; }
    get prefix() { return null; }
    get localName() { return null; }
    get nodeValue() { return null; }
    get children() { return this.childNodes.filter((node) => node.nodeType === 1); }
    get textContent() { return this.childNodes.map((node) => node.textContent).join(''); }
    find(fits, found) {
      for (const child of this.children) {
        if (fits(child)) found.push(child);
        child.find(fits, found);
      }
      return found;
    }
    getElementsByTagName(name) {
      return list(this.find((node) => name === '*' || node.tagName === name || node.localName === name, []));
    }
    getElementsByTagNameNS(space, name) {
      const fits = (wanted, has) => wanted === '*' || (wanted || null) === has;
      return list(this.find((node) => fits(space, node.namespaceURI) && fits(name, node.localName), []));
    }
    hasChildNodes() { return this.childNodes.length > 0; }
    hasAttributes() { return this.attributes !== null && this.attributes.length > 0; }
  }
  class Text extends Tree {
    constructor(text, parent) { super(parent); this.data = text; this.childNodes = list([]); }
    get nodeType() { return 3; }
    get nodeName() { return '#text'; }
    get nodeValue() { return this.data; }
    get textContent() { return this.data; }
    get length() { return this.data.length; }
    substringData(offset, count) {
      if (offset < 0 || offset > this.data.length || count < 0) throw new DOMException(1, 'outside of the text');
      return this.data.substr(offset, count);
    }
    toString() { return this.data; }
  }
  class Attr extends Tree {
    constructor([name, space, value], owner) {
      super(null);
      Object.defineProperty(this, 'ownerElement', { value: owner, enumerable: false });
      this.name = name;
      this.value = value;
      this.space = space;
      this.childNodes = list([]);
    }
    get nodeType() { return 2; }
    get nodeName() { return this.name; }
    get nodeValue() { return this.value; }
    get textContent() { return this.value; }
    get namespaceURI() { return this.space; }
    get prefix() { return this.name.includes(':') ? this.name.split(':')[0] : null; }
    get localName() { return this.name.split(':').pop(); }
    get ownerDocument() { return this.ownerElement.ownerDocument; }
    get specified() { return true; }
    toString() { return this.value; }
  }
  class Attributes {
    constructor(all, owner) {
      const attributes = all.map((one) => new Attr(one, owner));
      Object.defineProperty(this, 'length', { value: attributes.length, enumerable: false });
      attributes.forEach((one, index) => {
        Object.defineProperty(this, index, { value: one, enumerable: false });
        this[one.name] = one;
      });
    }
    item(index) { return this[index] || null; }
    getNamedItem(name) { return Object.prototype.hasOwnProperty.call(this, name) && this[name] instanceof Attr ? this[name] : null; }
    getNamedItemNS(space, name) {
      for (let index = 0; index < this.length; index++)
        if (this[index].namespaceURI === (space || null) && this[index].localName === name) return this[index];
      return null;
    }
  }
  class Element extends Tree {
    constructor(tree, parent) {
      super(parent);
      this.tagName = tree.prefix === '' ? tree.name : tree.prefix + ':' + tree.name;
      const names = { local: tree.name, prefix: tree.prefix || null, space: tree.namespace || null };
      Object.defineProperty(this, 'names', { value: names, enumerable: false });
      Object.defineProperty(this, 'own', { value: new Attributes(tree.attributes, this), enumerable: false });
      this.childNodes = list(tree.children.map((child) =>
        typeof child === 'string' ? new Text(child, this) : new Element(child, this)));
    }
    get nodeType() { return 1; }
    get nodeName() { return this.tagName; }
    get localName() { return this.names.local; }
    get prefix() { return this.names.prefix; }
    get namespaceURI() { return this.names.space; }
    get attributes() { return this.own; }
    getAttributeNode(name) { return this.own.getNamedItem(name); }
    getAttributeNodeNS(space, name) { return this.own.getNamedItemNS(space, name); }
    getAttribute(name) { const found = this.getAttributeNode(name); return found ? found.value : ''; }
    getAttributeNS(space, name) { const found = this.getAttributeNodeNS(space, name); return found ? found.value : ''; }
    hasAttribute(name) { return this.getAttributeNode(name) !== null; }
    hasAttributeNS(space, name) { return this.getAttributeNodeNS(space, name) !== null; }
  }
  class Document extends Tree {
    constructor(tree, text) {
      super(null);
      Object.defineProperty(this, 'source', { value: text, enumerable: false });
      this.childNodes = list([new Element(tree, this)]);
    }
    get nodeType() { return 9; }
    get nodeName() { return '#document'; }
    get documentElement() { return this.children[0] || null; }
    getElementById(id) { return this.find((node) => node.getAttribute('xml:id') === id, [])[0] || null; }
    toString() { return this.source; }
    toJSON() { return this.source; }
  }
  return function (tree, text) { return new Document(tree, text); };
})()
