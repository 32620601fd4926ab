/* A list of thousands of rows of one height, of which only those in view are in the page; and how to draw while somebody clicks. */
window.o2gVirtualList = (function () {
  'use strict';

  /** Rows beyond what is in view, so that scrolling a little shows no gap. */
  const MARGIN = 5;
  let lists = 0;

  /** Makes a drawing wait while something in the element is pressed: what is made anew between press and release swallows the click. */
  function steady(element, draw) {
    let pressed = false;
    let owed = false;
    const drawUnlessPressed = () => {
      owed = pressed;
      if (!pressed) draw();
    };
    element.on('pointerdown', () => {
      pressed = true;
    });
    $(window).on('pointerup pointercancel', () => {
      pressed = false;
      // The click comes before the next frame.
      if (owed) requestAnimationFrame(drawUnlessPressed);
    });
    return drawUnlessPressed;
  }

  /**
   * @param label what the list is called for those who don't see it
   * @param height of a row, in pixels
   * @param render makes the element of an item
   * @param onPick makes it a list to choose from: called with the item that is clicked, or where Enter is pressed after arrow keys; each
   *   item has an `id` then, by which it stays chosen
   * @param onEnd called when the last row comes into view, as somebody may have more
   */
  function make({ label, height, render, onPick, onEnd = () => {} }) {
    const viewport = $('<div class="o2g-list" tabindex="0">').attr({
      'aria-label': label,
      role: onPick ? 'listbox' : 'region',
    });
    const list = $('<div>').css({ position: 'relative' }).appendTo(viewport);
    list.attr(onPick ? { role: 'presentation' } : { role: 'list', 'aria-label': label });
    const name = `o2g-list-${++lists}`;
    let items = [];
    let all = 0;
    let active = -1;
    let picked;
    let waiting = false;

    const draw = steady(list, () => {
      waiting = false;
      const { scrollTop, clientHeight } = viewport[0];
      const first = Math.max(0, Math.floor(scrollTop / height) - MARGIN);
      const last = Math.min(items.length, Math.ceil((scrollTop + clientHeight) / height) + MARGIN);
      const focused = list.find(':focus').attr('data-focus');
      list.empty();
      for (let index = first; index < last; index += 1) {
        const row = render(items[index])
          .attr({ role: onPick ? 'option' : 'listitem', 'aria-setsize': all, 'aria-posinset': index + 1 })
          .css({ position: 'absolute', top: index * height, left: 0, right: 0, height })
          .appendTo(list);
        if (onPick)
          row
            .attr({ id: `${name}-${index}`, 'aria-selected': String(items[index].id === picked) })
            .toggleClass('o2g-active', index === active)
            .data('index', index);
      }
      viewport.attr('aria-activedescendant', active >= first && active < last ? `${name}-${active}` : null);
      // Who was about to press a button still is, after its row has been made anew.
      if (focused)
        list
          .find('[data-focus]')
          .filter((_, each) => $(each).attr('data-focus') === focused)
          .trigger('focus');
      if (last === items.length && clientHeight > 0) onEnd();
    });

    function later() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(draw);
    }

    // --- choosing -------------------------------------------------------------------------------------------------------------

    /** Rows that a key goes on by, from the active one. */
    const steps = {
      ArrowDown: () => 1,
      ArrowUp: () => -1,
      PageDown: () => Math.floor(viewport[0].clientHeight / height),
      PageUp: () => -Math.floor(viewport[0].clientHeight / height),
      Home: () => -items.length,
      End: () => items.length,
    };

    function goTo(index) {
      active = Math.max(0, Math.min(items.length - 1, index));
      const { scrollTop, clientHeight } = viewport[0];
      const top = active * height;
      if (top < scrollTop) viewport.scrollTop(top);
      else if (top + height > scrollTop + clientHeight) viewport.scrollTop(top + height - clientHeight);
      later();
    }

    function pick(index) {
      active = index;
      picked = items[index].id;
      later();
      onPick(items[index]);
    }

    function choosing() {
      viewport.on('keydown', (event) => {
        if (event.altKey || event.ctrlKey || event.metaKey || items.length === 0) return;
        if (event.key === 'Enter' || event.key === ' ') pick(Math.max(0, active));
        else if (Object.hasOwn(steps, event.key)) goTo(active + steps[event.key]());
        else return;
        event.preventDefault();
      });
      list.on('click', '[role="option"]', (event) => {
        pick($(event.currentTarget).data('index'));
      });
    }

    if (onPick) choosing();
    viewport.on('scroll', later);
    new ResizeObserver(later).observe(viewport[0]);

    return {
      element: viewport,
      /**
       * Shows these items from now on; where one has scrolled to stays.
       * @param count of all, when these are only the first
       */
      show(shown, count = shown.length) {
        items = shown;
        all = count;
        active = Math.min(active, items.length - 1);
        // An empty list is none: it would be a list without entries to a screen reader.
        list.css({ height: items.length * height });
        if (!onPick) list.attr('role', items.length === 0 ? 'presentation' : 'list');
        later();
      },
      /** Other items come: from the top again, nothing is chosen. */
      reset() {
        active = -1;
        picked = undefined;
        viewport.scrollTop(0);
      },
    };
  }

  return { make, steady };
})();
