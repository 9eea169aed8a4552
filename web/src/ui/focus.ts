/**
 * When what has the focus is removed, such as the row of something that was deleted, browsers leave the focus nowhere. Whoever
 * uses the keyboard goes on beside it instead, or at the heading of the page.
 */

const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary'

/** What had the focus last in the part of the page that is watched, or what came in its place. */
let place: HTMLElement | undefined

/** Gives the focus back to that after a dialog. */
export function focusPlace(): void {
  place?.focus({ preventScroll: true })
}

/** Returns what ends it. */
export function keepFocus(root: HTMLElement): () => void {
  const came = (e: FocusEvent): void => {
    place = e.target instanceof HTMLElement ? e.target : undefined
  }
  const changed = new MutationObserver((records) => {
    if (place === undefined || place.isConnected) return
    place = beside(place, records, root) ?? root.querySelector<HTMLElement>('h1') ?? root
    // A dialog keeps the focus that it has.
    if (document.activeElement === document.body) focusPlace()
  })
  root.addEventListener('focusin', came)
  changed.observe(root, { childList: true, subtree: true })
  return () => {
    root.removeEventListener('focusin', came)
    changed.disconnect()
    place = undefined
  }
}

/**
 * What came in the place of what was removed, or stood next to it: a control that says the same, or the first one. Parts of
 * `root` come and go with whole pages.
 */
function beside(
  gone: HTMLElement,
  records: readonly MutationRecord[],
  root: HTMLElement,
): HTMLElement | undefined {
  const record = records.find((r) => [...r.removedNodes].some((n) => n.contains(gone)))
  if (record === undefined || record.target === root || !record.target.isConnected) return undefined
  const { target, nextSibling: next, previousSibling: previous } = record
  const before = next === null ? target.lastChild : next.previousSibling
  const isNew = records.some((r) => before !== null && [...r.addedNodes].includes(before))
  const near = [
    ...(isNew ? [before] : []),
    ...from(next, (n) => n.nextSibling),
    ...from(previous, (n) => n.previousSibling),
  ]
  for (const node of near) {
    const controls = controlsOf(node)
    const found = controls.find((c) => c.textContent === gone.textContent) ?? controls[0]
    if (found !== undefined) return found
  }
  return undefined
}

function from(first: Node | null, further: (n: Node) => Node | null): Node[] {
  const found: Node[] = []
  for (let n = first; n !== null; n = further(n)) found.push(n)
  return found
}

function controlsOf(node: Node | null): HTMLElement[] {
  if (!(node instanceof HTMLElement)) return []
  const all = [...node.querySelectorAll<HTMLElement>(FOCUSABLE)]
  return node.matches(FOCUSABLE) ? [node, ...all] : all
}
