// The script side of a session. Each `//# name` begins a function that the engine calls.

//# start
function (sessionId, name, processors, x, original) {
  'use strict';
  const frozen = (value) => {
    if (value !== null && typeof value === 'object') Object.values(Object.freeze(value)).forEach(frozen);
    return value;
  };
  const fixed = (key, value) => Object.defineProperty(globalThis, key, {
    get() { return value; },
    set() { if (!original) throw new TypeError(key + ' is read-only'); },
    enumerable: false, configurable: false,
  });
  fixed('_sessionid', sessionId);
  fixed('_name', name);
  fixed('_ioprocessors', frozen(processors));
  fixed('_x', original ? x : frozen(x));
  if (!original) return;
  fixed('_data', globalThis);
  const source = (value, depth) => {
    if (depth > 100) throw new RangeError('toSource: nested too deeply');
    if (value === null || typeof value !== 'object') {
      if (typeof value === 'string') return JSON.stringify(value);
      return typeof value === 'undefined' ? '(void 0)' : String(value);
    }
    if (Array.isArray(value)) return '[' + value.map((item) => source(item, depth + 1)).join(', ') + ']';
    if (value instanceof Date) return 'new Date(' + value.getTime() + ')';
    if (value instanceof RegExp) return String(value);
    const members = Object.keys(value).map((key) =>
      (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)) + ':' + source(value[key], depth + 1));
    return '{' + members.join(', ') + '}';
  };
  const outer = (value) => {
    const text = source(value, 0);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return text;
    return text.startsWith('{') || text.startsWith('new Date') ? '(' + text + ')' : text;
  };
  const hidden = (owner, key, value) =>
    Object.defineProperty(owner, key, { value, writable: true, enumerable: false, configurable: true });
  hidden(globalThis, 'uneval', function uneval(value) { return outer(value); });
  hidden(Object.prototype, 'toSource', function toSource() { return outer(this.valueOf()); });
}

//# set_event
(function () {
  'use strict';
  let current, writable = false;
  Object.defineProperty(globalThis, '_event', {
    get() { return current; },
    set() { if (!writable) throw new TypeError('_event is read-only'); },
    enumerable: false, configurable: false,
  });
  const freeze = Object.freeze, seen = Symbol.for('ringback.event');
  return function (name, type, sendid, origin, origintype, invokeid, data, raw, original) {
    if (original) writable = true;
    if (name !== undefined && globalThis[seen]) globalThis[seen](name, data);
    current = name === undefined ? undefined
      : freeze({ name, type, sendid, origin, origintype, invokeid, data, raw });
  };
})()

//# object_model
function (model) {
  'use strict';
  const freeze = Object.freeze, own = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
  const host = (name) => {
    const key = '__host_' + name, given = globalThis[key];
    delete globalThis[key];
    return typeof given === 'function' ? given : () => { throw new TypeError(name + ' is not built'); };
  };
  const attach = host('attach'), listValue = host('list_value'), clock = host('clock'), statistic = host('statistic'),
    specialDay = host('special_day'), option = host('option');
  const interactions = {}, later = model.interactions || {};
  const states = {};
  for (const name of Object.keys(model.callState || {})) {
    states[name] = model.callState[name];
    if (!own(states, model.callState[name])) states[model.callState[name]] = name;
  }
  const named = (...words) => freeze(Object.fromEntries(words.map((word) => [word, word])));
  const first = () => Object.keys(interactions)[0];
  const find = (id) => {
    const key = id === undefined || id === null || id === '' ? first() : String(id);
    if (key === undefined || !own(interactions, key)) throw new ReferenceError('there is no interaction ' + key);
    return interactions[key];
  };
  const ixn = {
    interactions,
    get firstixnid() { return first(); },
    callState: freeze(states),
    mediaType: freeze({ TMediaVoice: 0, TMediaVoIP: 1, TMediaEMail: 2, TMediaVMail: 3, TMediaChat: 5 }),
    getuData(...args) {
      const id = args.find((arg) => typeof arg === 'string' && own(interactions, arg));
      const key = args.find((arg) => typeof arg === 'string' && arg !== id);
      const data = find(id).udata;
      return key === undefined ? Object.assign({}, data) : data[key];
    },
    setuData(object, id) {
      if (object === null || typeof object !== 'object') throw new TypeError('setuData takes an object');
      const target = find(id), text = JSON.stringify(object);
      attach(target.g_uid, JSON.parse(text));
      Object.assign(target.udata, JSON.parse(text));
      return true;
    },
  };
  const session = Object.assign({}, model.session, {
    getListItemValue(list, item, key) { return listValue(String(list), String(item), key === undefined ? null : String(key)); },
    listLookupValue(list, item, key) { return listValue(String(list), String(item), key === undefined ? null : String(key)); },
    isSpecialDay(list, zone) { return specialDay(String(list), zone === undefined ? 'UTC' : String(zone)); },
    getConfigOption(section, name) { return option(String(name === undefined ? section : name)); },
    lookupseq: named('Service', 'Application', 'Tenant', 'Default'),
    setTenant(name) {
      if (String(name) !== session.tenant) throw new RangeError('there is no tenant ' + name);
      return true;
    },
    timeInZone(zone) { return clock(String(zone)).time; },
    dateInZone(zone) { return clock(String(zone)).date; },
    dayInZone(zone) { return clock(String(zone)).day; },
  });
  const genesys = freeze({
    ixn: freeze(ixn), session: freeze(session),
    queue: freeze({ rType: named('RouteTypeUnknown', 'RouteTypeDefault', 'RouteTypeLabel', 'RouteTypeOverwriteDNIS',
      'RouteTypeDirect', 'RouteTypeReject', 'RouteTypeAnnouncement', 'RouteTypeDirectAgent', 'RouteTypeDirectPriority',
      'RouteTypeDirectAgentPriority', 'RouteTypeAgentID', 'RouteTypeCallDisconnect', 'RouteToAgent', 'RouteToQueue',
      'RouteToSkill'),
      overwriteType: named('ReplaceAll', 'Add'), usecapcond: named('True', 'False') }),
    resource: freeze({ resourceType: named('Agent', 'AgentGroup', 'Place', 'PlaceGroup', 'Queue', 'RoutePoint', 'Skill') }),
    statistic: freeze({ sData(object, name) { return statistic(String(object), String(name)); } }),
  });
  Object.defineProperty(globalThis, '_genesys', { value: genesys, enumerable: false });
  // Only events alter the model.
  Object.defineProperty(globalThis, Symbol.for('ringback.event'), { enumerable: false, value(name, data) {
    const id = data !== null && typeof data === 'object' ? data.interactionid : undefined;
    if (id === undefined) return;
    if (name === 'interaction.added' && own(later, id)) interactions[id] = later[id];
    if (name === 'interaction.deleted') delete interactions[id];
  } });
}

//# list
function (value) {
  if (Array.isArray(value)) return value.slice();
  if (value !== null && typeof value === 'object' && typeof value[Symbol.iterator] === 'function')
    return Array.from(value);
  throw new TypeError('the array of a foreach is no array');
}

//# count
function (list) { return list.length; }

//# element
function (list, index) { return list[index]; }

//# arguments
function (value) { globalThis.args_ = value; }

//# parse_xml
(function () {
  'use strict';
  class Node {
    constructor(parent) { Object.defineProperty(this, 'parentNode', { value: parent, enumerable: false }); }
    get firstChild() { return this.childNodes[0] || null; }
    get lastChild() { return this.childNodes[this.childNodes.length - 1] || null; }
    get children() { return this.childNodes.filter((node) => node.nodeType === 1); }
    get textContent() { return this.childNodes.map((node) => node.textContent).join(''); }
    getElementsByTagName(name) {
      const found = [];
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
    getAttribute(name) { return this.hasAttribute(name) ? this.attributes[name] : null; }
    hasAttribute(name) { return Object.prototype.hasOwnProperty.call(this.attributes, name); }
  }
  class Document extends Node {
    constructor(tree, text) {
      super(null);
      Object.defineProperty(this, 'source', { value: text, enumerable: false });
      this.childNodes = tree.map((child) => new Element(child, this));
    }
    get nodeType() { return 9; }
    get nodeName() { return '#document'; }
    get documentElement() { return this.children[0] || null; }
    toString() { return this.source; }
    toJSON() { return { '\u0000xml': this.source }; }
  }
  return function (tree, text) { return new Document(tree, text); };
})()
