/* A list of thousands of rows of one height, of which only those in view are in the page. */
window.o2gVirtualList = (function () {
  'use strict';

  /** Rows beyond what is in view, so that scrolling a little shows no gap. */
  const MARGIN = 5;

  /**
   * @param label what the list is called for those who don't see it
   * @param height of a row, in pixels
   * @param render makes the element of an item
   */
  function make({ label, height, render }) {
    const viewport = $('<div class="o2g-list" tabindex="0" role="region">').attr('aria-label', label);
    const list = $('<div role="list">').attr('aria-label', label).css({ position: 'relative' }).appendTo(viewport);
    let items = [];
    let waiting = false;

    function draw() {
      waiting = false;
      const { scrollTop, clientHeight } = viewport[0];
      const first = Math.max(0, Math.floor(scrollTop / height) - MARGIN);
      const last = Math.min(items.length, Math.ceil((scrollTop + clientHeight) / height) + MARGIN);
      const focused = list.find(':focus').attr('data-focus');
      list.empty();
      for (let index = first; index < last; index += 1) {
        render(items[index])
          .attr({ role: 'listitem', 'aria-setsize': items.length, 'aria-posinset': index + 1 })
          .css({ position: 'absolute', top: index * height, left: 0, right: 0, height })
          .appendTo(list);
      }
      // Who was about to press a button still is, after its row has been made anew.
      if (focused) list.find('[data-focus]').filter((_, each) => $(each).attr('data-focus') === focused).trigger('focus');
    }

    function later() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(draw);
    }

    viewport.on('scroll', later);
    new ResizeObserver(later).observe(viewport[0]);

    return {
      element: viewport,
      /** Shows these items from now on; where one has scrolled to stays. */
      show(all) {
        items = all;
        // An empty list is none: it would be a list without entries to a screen reader.
        list.css({ height: items.length * height }).attr('role', items.length === 0 ? 'presentation' : 'list');
        later();
      },
    };
  }

  return { make };
})();
