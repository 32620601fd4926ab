/*
 * The sidebar: what is desired and not in force first, then every device, the recordings under way, the servers and links, recent errors. The runtime says over its
 * comms that something changed, and no more than that; what changed is asked for by a request that needs the permission o2g.read.
 */
window.o2gSidebar = (function () {
  'use strict';

  /** As in sidebar.css. */
  const ROW_HEIGHT = 46;
  /** The filters of the list: which devices are shown. */
  const FILTERS = {
    all: () => true,
    lacking: isLacking,
    inCall: ({ inCall }) => inCall,
    recorded: ({ actual }) => actual.includes('recorded'),
  };
  /** Levels in dB below full scale that a meter shows from its left to its right. */
  const QUIETEST = -60;
  const SERVICES = { monitored: 'fa-eye', recorded: 'fa-circle', beeping: 'fa-bell' };

  function isLacking({ desired, actual, reason }) {
    return reason !== '' || desired.some((service) => !actual.includes(service));
  }

  /** A time of today as such, another with its date. */
  function timeOf(iso) {
    const time = new Date(iso);
    const today = time.toDateString() === new Date().toDateString();
    return today ? time.toLocaleTimeString() : time.toLocaleString();
  }

  /** What is known, kept by the answers of the runtime. */
  function makeState() {
    const devices = new Map();
    const key = ({ link, deviceNumber }) => `${link} ${deviceNumber}`;
    const state = {
      revision: '',
      servers: [],
      links: [],
      errors: [],
      recordings: { all: 0, shown: [] },
      devices,
    };
    /** @returns whether the list of devices is another one */
    state.take = (answer) => {
      if (answer.whole) devices.clear();
      for (const device of answer.devices) devices.set(key(device), device);
      for (const device of answer.gone) devices.delete(key(device));
      const { revision, servers, links, recordings, errors } = answer;
      Object.assign(state, { revision, servers, links, recordings, errors });
      return answer.whole || answer.devices.length > 0 || answer.gone.length > 0;
    };
    return state;
  }

  const mayRead = () => RED.user.hasPermission('o2g.read');
  const mayAct = () => RED.user.hasPermission('o2g.write');

  function make(words) {
    const state = makeState();
    const content = $('<div class="o2g-sidebar">');
    const icon = (name) => $('<i aria-hidden="true">').addClass(`fa ${name}`);
    const linkOf = (id) => state.links.find((link) => link.id === id);

    // --- what is seen, from the top -------------------------------------------------------------------------------------------

    const summary = $('<div class="o2g-summary" role="status">').appendTo(content);
    const tools = $('<div class="o2g-tools">').appendTo(content);
    const filter = $('<select>').attr('aria-label', words('filter.label')).appendTo(tools);
    for (const name of Object.keys(FILTERS))
      $('<option>')
        .val(name)
        .text(words(`filter.${name}`))
        .appendTo(filter);
    const search = $('<input type="text">')
      .attr({ placeholder: words('search'), 'aria-label': words('search') })
      .appendTo(tools);
    const list = o2gVirtualList.make({ label: words('devices'), height: ROW_HEIGHT, render: deviceRow });
    content.append(list.element);
    const recordings = section('recordings', true);
    if (RED.user.hasPermission('o2g.recordings')) {
      $('<button type="button" class="red-ui-button o2g-page">')
        .append(icon('fa-search'), document.createTextNode(words('recordingsPage')))
        .on('click', () => {
          RED.actions.invoke('o2g:show-recordings');
        })
        .appendTo(content);
    }
    const servers = section('servers', true);
    const errors = section('errors', false);
    if (mayAct()) o2gSupport.offer(section('bundle.title', false), words);

    function section(name, open) {
      const details = $('<details class="o2g-section">').prop('open', open).appendTo(content);
      $('<summary>').text(words(name)).appendTo(details);
      return $('<div>').appendTo(details);
    }

    function deviceRow(device) {
      const { deviceNumber, user, link, actual, desired, reason, since, inCall } = device;
      const lacking = isLacking(device);
      const row = $('<div class="o2g-device">').toggleClass('o2g-lacking', lacking);
      const first = $('<div class="o2g-line">').appendTo(row);
      $('<b>').text(deviceNumber).appendTo(first);
      const services = $('<span class="o2g-services">').appendTo(first);
      for (const service of Object.keys(SERVICES)) {
        // A recorded device is a monitored one: one word less in a narrow panel.
        const implied = service === 'monitored' && actual.includes('recorded');
        if (implied || (!actual.includes(service) && !desired.includes(service))) continue;
        $('<span class="o2g-service">')
          .toggleClass('o2g-missing', !actual.includes(service))
          .append(
            icon(SERVICES[service]),
            document.createTextNode(
              words(actual.includes(service) ? `service.${service}` : `missing.${service}`),
            ),
          )
          .appendTo(services);
      }
      if (inCall)
        $('<span class="o2g-service o2g-in-call">')
          .append(icon('fa-volume-control-phone'), document.createTextNode(words('service.inCall')))
          .appendTo(services);
      const what = actual.includes('recorded') ? 'stopRecord' : 'stopMonitor';
      if (mayAct() && desired.length > 0) {
        button('fa-stop', words(`action.${what}`, { device: deviceNumber }), () =>
          confirmed(words(`confirm.${what}`, { device: deviceNumber }), link, what, deviceNumber),
        )
          .attr('data-focus', `${link} ${deviceNumber}`)
          .appendTo(first);
      }
      const told = lacking
        ? words('lackingSince', { reason: reason || words('pending'), since: timeOf(since) })
        : [user, linkOf(link)?.label].filter(Boolean).join(' · ');
      $('<div class="o2g-line o2g-told">').text(told).attr('title', told).appendTo(row);
      return row;
    }

    function recordingBlock({ deviceNumber, since, paused, alarms, sent, received }) {
      const block = $('<div class="o2g-recording">');
      const line = $('<div class="o2g-line">').appendTo(block);
      $('<b>').text(deviceNumber).appendTo(line);
      $('<span>')
        .text(words('recording.since', { since: timeOf(since) }))
        .appendTo(line);
      if (paused) $('<span>').text(words('recording.paused')).appendTo(line);
      for (const alarm of alarms) $('<span class="o2g-missing">').text(alarm).appendTo(line);
      const sides = $('<div class="o2g-line">').appendTo(block);
      meter('sent', deviceNumber, sent).appendTo(sides);
      meter('received', deviceNumber, received).appendTo(sides);
      return block;
    }

    /** How loud one side is, and what of it was lost. */
    function meter(side, device, { levelDb, lostPercent }) {
      const level = Math.round(Math.max(QUIETEST, Math.min(0, levelDb ?? QUIETEST)));
      const text =
        levelDb === null
          ? words('recording.silent')
          : words('recording.level', { level: Math.round(levelDb) });
      const bar = $('<span class="o2g-meter" role="meter">').attr({
        'aria-label': `${device}: ${words(`recording.${side}`)}`,
        'aria-valuemin': QUIETEST,
        'aria-valuemax': 0,
        'aria-valuenow': level,
        'aria-valuetext': text,
        title: text,
      });
      $('<span>')
        .css('width', `${100 * (1 - level / QUIETEST)}%`)
        .appendTo(bar);
      const block = $('<span class="o2g-side">').append($('<span>').text(words(`recording.${side}`)), bar);
      if (lostPercent > 0)
        $('<span class="o2g-missing">')
          .text(words('recording.lost', { lost: lostPercent.toLocaleString() }))
          .appendTo(block);
      return block;
    }

    function drawRecordings() {
      const { all, shown } = state.recordings;
      recordings.empty().append(all === 0 ? $('<p>').text(words('noRecording')) : shown.map(recordingBlock));
      if (all > shown.length)
        $('<p>')
          .text(words('recording.more', { count: all - shown.length }))
          .appendTo(recordings);
    }

    function button(look, label, run) {
      return $('<button type="button" class="red-ui-button red-ui-button-small">')
        .attr({ title: label, 'aria-label': label })
        .append(icon(look))
        .on('click', run);
    }

    function serverBlock(server) {
      const block = $('<div class="o2g-server">');
      stateLine(server.label, server.state ?? 'unused', server).appendTo(block);
      if (server.site) told(block, words('site', { site: server.site }));
      if (server.heardAt)
        told(block, words('heard', { at: timeOf(server.heardAt), events: server.metrics.events }));
      if (server.otherSessions) told(block, words('otherSessions', { count: server.otherSessions }));
      for (const { oxeNode, name, state: cti, drLinks } of server.nodes) {
        told(
          block,
          words('oxe', { oxeNode, name, cti: words(`cti.${cti}`, { defaultValue: cti }), drLinks }),
        ).toggleClass('o2g-missing', !cti.startsWith('CONNECTED'));
      }
      for (const link of state.links.filter(({ server: id }) => id === server.id))
        linkLine(link).appendTo(block);
      return block;
    }

    function linkLine(link) {
      const line = stateLine(`${link.label} (${link.oxeNode})`, link.state, link);
      if (mayAct())
        button('fa-refresh', words('action.audit', { link: link.label }), () =>
          confirmed(words('confirm.audit', { link: link.label }), link.id, 'audit'),
        ).appendTo(line);
      return line.addClass('o2g-link');
    }

    function stateLine(label, name, { reason, since }) {
      const line = $('<div class="o2g-line">');
      $('<span class="o2g-dot" aria-hidden="true">').addClass(`o2g-dot-${name}`).appendTo(line);
      $('<b>').text(label).appendTo(line);
      $('<span>')
        .text(words(`state.${name}`) + (since ? ` (${timeOf(since)})` : ''))
        .appendTo(line);
      if (reason) $('<span class="o2g-missing">').text(reason).appendTo(line);
      return line;
    }

    function told(block, text) {
      return $('<div class="o2g-told">').text(text).appendTo(block);
    }

    // --- drawing --------------------------------------------------------------------------------------------------------------

    function drawDevices() {
      const all = [...state.devices.values()];
      const text = search.val().trim().toLowerCase();
      const matching = all
        .filter(FILTERS[filter.val()])
        .filter(
          ({ deviceNumber, user = '', reason, link }) =>
            text === '' ||
            [deviceNumber, user, reason, linkOf(link)?.label ?? ''].some((each) =>
              each.toLowerCase().includes(text),
            ),
        );
      // What is wrong comes first, whatever is searched for.
      matching.sort(
        (a, b) => Number(isLacking(b)) - Number(isLacking(a)) || (a.deviceNumber < b.deviceNumber ? -1 : 1),
      );
      list.show(matching);
      const lacking = all.filter(isLacking).length;
      const sentence = all.length === 0 ? 'summary.none' : lacking === 0 ? 'summary.good' : 'summary.lacking';
      const said = words(sentence, { lacking, all: all.length, shown: matching.length });
      if (summary.text() === said) return;
      summary
        .empty()
        .toggleClass('o2g-lacking', lacking > 0)
        .append(icon(lacking > 0 ? 'fa-exclamation-triangle' : 'fa-check'), document.createTextNode(said));
    }

    const drawServers = o2gVirtualList.steady(servers, () => {
      servers
        .empty()
        .append(
          state.servers.length === 0 ? $('<p>').text(words('noServer')) : state.servers.map(serverBlock),
          state.links.filter(({ server }) => !state.servers.some(({ id }) => id === server)).map(linkLine),
        );
    });

    function drawErrors() {
      errors
        .empty()
        .append(
          state.errors.length === 0
            ? $('<p>').text(words('noError'))
            : state.errors.map(({ at, source, text }) =>
                $('<p>').append($('<b>').text(`${timeOf(at)} ${source} `), document.createTextNode(text)),
              ),
        );
    }

    const drawn = new Map();

    /** Levels come every second: a button that stays as it is isn't replaced while somebody presses it. */
    function redraw(what, drawIt) {
      const text = JSON.stringify(what);
      if (drawn.get(drawIt) === text) return;
      drawn.set(drawIt, text);
      drawIt();
    }

    function draw(otherDevices) {
      if (otherDevices) drawDevices();
      drawRecordings();
      redraw([state.servers, state.links], drawServers);
      redraw(state.errors, drawErrors);
    }

    filter.on('change', drawDevices);
    search.on('input', drawDevices);

    // --- the runtime ----------------------------------------------------------------------------------------------------------

    let stale = true;
    let asking = false;

    /** Asks for what has changed, one question at a time, and only while somebody looks. */
    function refresh() {
      if (!stale || asking || !content.is(':visible')) return;
      if (!mayRead()) {
        summary.text(words('forbidden'));
        return;
      }
      stale = false;
      asking = true;
      $.getJSON(`o2g/overview?since=${encodeURIComponent(state.revision)}`)
        .done((answer) => {
          draw(state.take(answer));
        })
        .always(() => {
          asking = false;
          refresh();
        });
    }

    function confirmed(question, link, action, device) {
      const act = () => {
        const query = device === undefined ? '' : `?device=${encodeURIComponent(device)}`;
        $.ajax({ url: `o2g/links/${encodeURIComponent(link)}/${action}${query}`, method: 'POST' }).fail(
          ({ responseJSON }) => {
            RED.notify(responseJSON?.message ?? words('failed'), 'error');
          },
        );
      };
      const notification = RED.notify(question, {
        modal: true,
        fixed: true,
        buttons: [
          {
            text: RED._('common.label.cancel'),
            click: () => {
              notification.close();
            },
          },
          {
            text: words('confirm.yes'),
            class: 'primary',
            click: () => {
              notification.close();
              act();
            },
          },
        ],
      });
    }

    RED.comms.subscribe('o2g/changed', () => {
      stale = true;
      refresh();
    });
    // A tab that was hidden asks when it is seen again, wherever the user has put it.
    new IntersectionObserver(refresh).observe(content[0]);

    return { content, shown: refresh };
  }

  return { make };
})();
