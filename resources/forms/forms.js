/*
 * What the forms of the palette share: rules that answer in words, typed inputs that speak the same words, labels that reach what one
 * sees, and folds that open when something in them matters. Loaded by each node's html; the definitions stay there, as inline literals.
 */
window.o2gForms = (function () {
  'use strict';

  const MODULE = '@o2g/node-red-recording/';
  /** A whole value that Node-RED replaces by an environment variable before a node sees it. */
  const ENVIRONMENT = /^\$(\{[^}]+\}|\([^)]+\))$/;
  /** A number's or a text's own type; the others are references, which Node-RED itself can check. */
  const PLAIN = ['str', 'num', 'bool'];

  const words = (key, values) => RED._(MODULE + key, values);
  const isBlank = (value) => value === undefined || value === null || value === '';

  /* Rules: the sentence of the catalog that tells a refusal, what it needs, and the test of a value that is not blank. */

  const number = (from, to) => ({
    sentence: 'o2g-server:rule.number',
    values: { from, to },
    test: (value) => /^\s*\d+\s*$/.test(value) && Number(value) >= from && Number(value) <= to,
  });

  const ipv4 = () => ({
    sentence: 'o2g-server:rule.ipv4',
    test: (value) =>
      /^(\d{1,3})(\.\d{1,3}){3}$/.test(value) &&
      String(value)
        .split('.')
        .every((part) => String(Number(part)) === part && Number(part) < 256),
  });

  const address = () => ({ sentence: 'o2g-server:rule.address', test: isOrigin });

  const webAddress = () => ({
    sentence: 'o2g-server:rule.webAddress',
    test: (value) => /^https?:\/\//.test(value) && URL.canParse(String(value)),
  });

  const lifetime = () => ({
    sentence: 'o2g-server:rule.lifetime',
    test: (value) => /^\d+$/.test(value) && Number(value) !== 1 && Number(value) <= 60,
  });

  const json = () => ({
    sentence: 'o2g-server:rule.json',
    test: (value) => {
      try {
        return typeof JSON.parse(value) === 'object';
      } catch {
        return false;
      }
    },
  });

  const devices = () => ({
    sentence: 'o2g-server:rule.devices',
    test: (value) =>
      String(value)
        .replace(/\s*-\s*/g, '-')
        .split(/[,;\s]+/)
        .filter((part) => part !== '')
        .every(isDeviceOrRange),
  });

  function isOrigin(value) {
    if (!URL.canParse(String(value).trim())) return false;
    const url = new URL(String(value).trim());
    const bare =
      url.pathname === '/' &&
      url.search === '' &&
      url.hash === '' &&
      url.username === '' &&
      url.password === '';
    return bare && (url.protocol === 'https:' || url.protocol === 'http:');
  }

  function isDeviceOrRange(part) {
    const range = /^(\d{1,15})-(\d{1,15})$/.exec(part);
    return range
      ? range[1].length === range[2].length && range[1] <= range[2]
      : /^[0-9A-Za-z*#]{1,32}$/.test(part);
  }

  /**
   * Makes the `validate` of a property: true, or the sentence with field, value and rule.
   * @param field key of the property's label, such as `o2g-beep:label.tone`
   * @param options `typed`: name of the companion with the type; `required`: blank is refused; `when(now)`: whether the property matters,
   *   `now` giving the other properties as the open form shows them
   */
  function check(field, rule, { typed, required = false, when = () => true } = {}) {
    return function (value, opt) {
      const now = (property) => current(this, property);
      if (!when(now) || ENVIRONMENT.test(value)) return true;
      const label = words(field);
      const type = typed && now(typed);
      if (type && !PLAIN.includes(type))
        return RED.utils.validateTypedProperty(value, type, { ...opt, label });
      if (isBlank(value)) return !required || words('o2g-server:rule.required', { field: label });
      return rule.test(value, now) || words(rule.sentence, { field: label, value, ...rule.values });
    };
  }

  /** A property as the node's open form shows it, else as the node holds it. */
  function current(node, property) {
    if (RED.editor.getEditStack().at(-1)?.id !== node.id) return node[property];
    const input = $(inputOf(node, property));
    if (input.length === 0) return node[property];
    return input.attr('type') === 'checkbox' ? input.prop('checked') : input.val();
  }

  function inputOf(node, property) {
    return `#node-${node._def.category === 'config' ? 'config-' : ''}input-${property}`;
  }

  /**
   * Makes typed inputs of the properties of a node's form.
   * @param plain the plain type of each property: `str`, `num` or `bool`
   * @param suggesters of those that have suggestions
   */
  function typedInputs(node, plain, suggesters = {}) {
    for (const [property, type] of Object.entries(plain)) {
      const input = $(inputOf(node, property));
      const label = $(`label[for="${input.attr('id')}"]`);
      forgetTooltip(input);
      input.typedInput({
        types: [
          {
            ...plainType(node, property, type),
            ...(suggesters[property] ? { autoComplete: suggesters[property] } : {}),
          },
          'msg',
          'flow',
          'global',
          'env',
          'jsonata',
        ],
        typeField: inputOf(node, `${property}Type`),
      });
      labelled(input, label);
    }
  }

  /** A value that was refused before there was a typed input has its tooltip on what gets hidden now, and would keep it there. */
  function forgetTooltip(input) {
    input.data('tooltip')?.delete();
    input.removeData('tooltip');
  }

  /** The plain type with the words of the property's own rule; a boolean may also be left to the message. */
  function plainType(node, property, type) {
    const kind = {
      value: type,
      label: RED._(`typedInput.type.${type}`),
      icon: `red/images/typedInput/${{ str: 'az', num: '09', bool: 'bool' }[type]}.svg`,
    };
    if (type === 'bool') {
      return {
        ...kind,
        options: [
          { value: '', label: words('o2g-server:fromMessage') },
          { value: 'true', label: 'true' },
          { value: 'false', label: 'false' },
        ],
      };
    }
    const { validate } = node._def.defaults[property];
    return validate ? { ...kind, validate: (value) => validate.call(node, value, {}) } : kind;
  }

  /** Keeps a label on its typed input, whose look changes with its type. */
  function labelled(input, label) {
    labelVisible(input, label);
    input.on('typedinputtypechange', () => {
      labelVisible(input, label);
    });
  }

  /** A typed input hides the element its label belongs to: the label is given what one sees instead, a text box or a button with options. */
  function labelVisible(input, label) {
    const shown = `${input.attr('id')}-shown`;
    const container = input.next('.red-ui-typedInput-container');
    const hasBox = container.find('.red-ui-typedInput-input-wrap').css('display') !== 'none';
    container.find(`#${shown}`).removeAttr('id');
    container
      .find(hasBox ? '.red-ui-typedInput-input' : '.red-ui-typedInput-option-trigger')
      .attr('id', shown);
    label.attr('for', shown);
  }

  /* Suggestions: what the live server knows, for Node-RED's own completion. Whatever is typed stays possible. */

  const MOST_SUGGESTIONS = 50;
  /** So long an answer serves the next keys. */
  const FRESH_MS = 30_000;
  const known = new Map();

  /** What the runtime knows of a kind (`nodes`, `devices`, `users`); nothing when it doesn't say. */
  function ask(kind, of) {
    const url = `o2g/suggestions/${kind}?of=${encodeURIComponent(of)}`;
    const { at = 0, answer } = known.get(url) ?? {};
    if (Date.now() - at < FRESH_MS) return answer;
    const asked = $.getJSON(url).then(
      (list) => list,
      () => $.Deferred().resolve([]),
    );
    known.set(url, { at: Date.now(), answer: asked });
    return asked;
  }

  /**
   * Makes the `search` of an autoComplete.
   * @param kind of suggestions, or a list of words
   * @param of gives the id of the server or link in question
   */
  function suggester(kind, of = () => '') {
    return (text, done) => {
      // In a list, what is written behind the last comma is completed.
      const [, before, part] = /^([^]*[,;\s])?([^,;\s]*)$/.exec(text);
      const answer = Array.isArray(kind)
        ? $.Deferred().resolve(kind.map((value) => ({ value, label: value })))
        : ask(kind, idOf(of()));
      answer.then((all) => {
        const found = all.filter(({ label }) => label.toLowerCase().includes(part.toLowerCase()));
        const options = found
          .slice(0, MOST_SUGGESTIONS)
          .map(({ value, label }) => ({ value: (before ?? '') + value, label: $('<div>').text(label) }));
        if (part === '' || options.length === 0 || found.some(({ value }) => value === part))
          return done(part === '' ? options : []);
        // Enter and Tab take the first: that must be what was typed.
        done([{ value: text, label: $('<div>').text(part) }, ...options]);
      });
    };
  }

  /** The id that a menu of configuration nodes shows; what stands there for none is none. */
  function idOf(value) {
    return isBlank(value) || value === '_ADD_' ? '' : value;
  }

  /** For the device of a node that acts on a link. */
  const linkDevices = suggester('devices', () => $('#node-input-link').val());

  /** Completes a plain field of a form. */
  function suggest(input, kind, of) {
    input.autoComplete({ search: suggester(kind, of), minLength: 0 });
  }

  /** Opens the folds of a form in which something is set, or refused. */
  function openFolds(node) {
    for (const [property, { value, validate }] of Object.entries(node._def.defaults)) {
      const fold = $(inputOf(node, property)).closest('details');
      const isSet = !isBlank(node[property]) && String(node[property]) !== String(value);
      const isRefused = validate && validate.call(node, node[property], {}) !== true;
      if (isSet || isRefused) fold.attr('open', true);
    }
  }

  /** A secret that nobody guesses: 32 letters and digits. */
  function newToken() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  }

  return {
    number,
    ipv4,
    address,
    webAddress,
    lifetime,
    json,
    devices,
    newToken,
    check,
    typedInputs,
    labelled,
    suggester,
    linkDevices,
    suggest,
    openFolds,
  };
})();
