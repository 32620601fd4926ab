/** What a user does in the editor: drags a node, opens its form, fills it by its labels, presses Done. */
import type { Locator, Page } from 'playwright-core';

import type { FlowNode } from '../support/flow';

/** Long enough for the editor's own animations on a busy machine; an expectation that fails says so after it. */
const PATIENCE = { timeout: 10_000 };

/** Drags a node of this type from the palette to the middle of the tab. @returns its id */
export async function drag(page: Page, type: string): Promise<string> {
  const before = await idsOf(page, type);
  const source = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
  await source.scrollIntoViewIfNeeded();
  const box = await source.boundingBox();
  if (!box) throw new Error(`${type} isn't in the palette`);
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(600, 300, { steps: 12 });
  await page.mouse.up();
  const id = (await idsOf(page, type)).find((each) => !before.includes(each));
  if (id === undefined) throw new Error(`${type} didn't get onto the tab`);
  return id;
}

function idsOf(page: Page, type: string): Promise<string[]> {
  return page.evaluate(`RED.nodes.filterNodes({ type: ${JSON.stringify(type)} }).map(({ id }) => id)`);
}

/** Opens the form of a node on the tab, as a double click does. */
export async function openForm(page: Page, id: string): Promise<Locator> {
  await page.evaluate(`RED.editor.edit(RED.nodes.node(${JSON.stringify(id)}))`);
  return formAtRest(page, '.red-ui-tray');
}

/** Opens the form of a configuration node, as the configuration sidebar does. */
export async function openConfigForm(page: Page, type: string, id: string): Promise<Locator> {
  await page.evaluate(`RED.editor.editConfig('', ${JSON.stringify(type)}, ${JSON.stringify(id)})`);
  return formAtRest(page, '.red-ui-tray');
}

/** Presses the plus beside a field that holds a configuration node. The form below is taken out of the page until the new one is done. */
export async function addBeside(page: Page, form: Locator, label: string): Promise<Locator> {
  const below: number = await page.evaluate('RED.editor.getEditStack().length');
  await page.evaluate(`$('.red-ui-tray').attr('data-below', ${below})`);
  await form
    .locator('.form-row', { has: page.getByText(label, { exact: true }) })
    .locator('a[id$="-add"]')
    .click();
  return formAtRest(page, `.red-ui-tray:not([data-below="${below}"])`);
}

/** It slides in once it is filled: what was typed before would be overwritten. */
async function formAtRest(page: Page, tray: string): Promise<Locator> {
  await page.waitForFunction(
    `$('.red-ui-tray').length === 1 && $('${tray} .o2g-form').length === 1 && $('.red-ui-tray').css('right') === '0px'`,
    undefined,
    PATIENCE,
  );
  return page.locator('.red-ui-tray');
}

/** The field of a label. While it is refused, Node-RED 5 calls it (and a box around it) by the words of the refusal, which begin with the label. */
export function field(form: Locator, label: string): Locator {
  return form
    .getByLabel(new RegExp(`^\\s*${label}\\s*(?::|$)`))
    .and(form.locator('input:not([type="hidden"]), select, textarea, button'));
}

/** Types into the field of a label, as a person: what follows a change is triggered too. */
export async function fill(form: Locator, label: string, value: string): Promise<void> {
  const input = field(form, label);
  await input.fill(value);
  await input.dispatchEvent('change');
}

/** Clicks a row of a menu or a tree. While that slides open, a click on a row is lost: it is awaited. */
export async function clickRow(page: Page, within: Locator, text: string): Promise<void> {
  const row = within.getByText(text, { exact: true });
  await row.waitFor();
  await page.waitForFunction(`$(':animated').length === 0`);
  await row.click();
}

/** Chooses the type of a typed input from its menu. @param type as the menu says it, such as `msg.` */
export async function chooseType(page: Page, form: Locator, label: string, type: string): Promise<void> {
  const row = form.locator('.form-row', { has: page.getByText(label, { exact: true }) });
  await row.locator('.red-ui-typedInput-type-select').click();
  await clickRow(page, page.locator('.red-ui-typedInput-options:visible'), type);
}

/** Presses Done (Add, Update) of the form on top and waits until it is gone. */
export async function done(page: Page): Promise<void> {
  const depth: number = await page.evaluate('RED.editor.getEditStack().length');
  await page.locator('#node-dialog-ok, #node-config-dialog-ok').click();
  if (depth > 1) await formAtRest(page, `.red-ui-tray[data-below="${depth - 1}"]`);
  else await page.locator('.red-ui-tray').waitFor({ state: 'detached', ...PATIENCE });
}

/** Presses Cancel of the only form and waits until it is gone. */
export async function cancel(page: Page): Promise<void> {
  await page.locator('#node-dialog-cancel, #node-config-dialog-cancel').click();
  await page.locator('.red-ui-tray').waitFor({ state: 'detached', ...PATIENCE });
}

/** What an export of the whole workspace holds of a node. */
export async function exported(page: Page, id: string): Promise<FlowNode> {
  const nodes: FlowNode[] = await page.evaluate('RED.nodes.createCompleteNodeSet({ credentials: false })');
  const found = nodes.find((node) => node.id === id);
  if (!found) throw new Error(`node ${id} isn't in the export`);
  return found;
}

/** The ids of the configuration nodes of a type. */
export function configsOf(page: Page, type: string): Promise<string[]> {
  return page.evaluate(
    `(() => { const ids = []; RED.nodes.eachConfig((node) => { if (node.type === ${JSON.stringify(type)}) ids.push(node.id); }); return ids; })()`,
  );
}

/** Puts nodes onto the present tab, as an import does. */
export async function put(page: Page, nodes: readonly FlowNode[]): Promise<void> {
  await page.evaluate(`(() => {
    const nodes = ${JSON.stringify(nodes)};
    for (const node of nodes) if ('x' in node) node.z = RED.workspaces.active();
    RED.nodes.import(nodes);
    RED.view.redraw(true);
  })()`);
}

/** The words with which the editor refuses a node; none when it is valid. */
export function refusals(page: Page, id: string): Promise<string[]> {
  return page.evaluate(`(() => {
    const node = RED.nodes.node(${JSON.stringify(id)});
    RED.editor.validateNode(node);
    return node.valid ? [] : node.validationErrors;
  })()`);
}

/**
 * Keys of a catalog that reached the screen instead of words: i18next shows a key it doesn't find, with or without its namespace.
 * @returns the texts and attributes in which one shows
 */
export function untranslated(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const shown = [...document.querySelectorAll('.red-ui-tray [data-i18n]')].flatMap((element) => {
      const keys = element.getAttribute('data-i18n').split(';').map((key) => key.replace(/^\\[\\w+\\]/, '').replace(/^.*:/, ''));
      const texts = [element.textContent, element.getAttribute('placeholder'), element.getAttribute('label'), element.title];
      return texts.filter((text) => text && keys.includes(text.replace(/^.*:/, '')));
    });
    const all = document.body.innerText.split('\\n');
    return [...shown, ...all.filter((line) => /@o2g\\/|(?:^|\\s)(?:label|hint|section|option|placeholder|rule|node|port|unit|query|status)\\.\\w+(?:\\s|$)/.test(line))];
  })()`);
}

/** Texts that are cut off, or that stick out of the form. */
export function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const form = document.querySelector('.red-ui-tray .o2g-form').getBoundingClientRect();
    const shown = [...document.querySelectorAll('.red-ui-tray .o2g-form *')].filter((element) => element.offsetParent !== null);
    const out = shown.filter((element) => { const box = element.getBoundingClientRect(); return box.right > form.right + 1 || box.left < form.left - 1; });
    const cut = shown.filter((element) => /^(LABEL|LEGEND|SUMMARY|P|SPAN)$/.test(element.tagName) && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0);
    return [...out, ...cut].map((element) => element.tagName + ' ' + (element.id || element.textContent));
  })()`);
}

/** Labels that don't fit beside their field in one line. */
export function wrapped(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll('.red-ui-tray .o2g-form .form-row > label:not(.o2g-check) > span')]
    .filter((words) => words.offsetParent !== null && words.getClientRects().length > 1).map((words) => words.textContent)`);
}
