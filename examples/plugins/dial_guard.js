// What the blocks of dial_guard.scxml share.
var DialGuard = {
  attempts: 3,
  // An answer for a dial that reached nobody.
  later: function (attempt) { return attempt < DialGuard.attempts ? 'retry' : 'cancel'; },
  // What a pressed key asks for.
  action: function (digits) {
    var actions = { '1': 'route_to_agent', '2': 'retry', '9': 'cancel' };
    return actions[digits] || 'retry';
  }
};
