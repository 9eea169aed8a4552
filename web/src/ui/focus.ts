/**
 * Keeps the keyboard focus when the focused element is removed, such as the row of a deleted object: browsers would drop
 * it. The focus moves to an element nearby, or to the heading of the page.
 */

const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary'

/** The element that had the focus last within the observed root, or its replacement. */
let place: HTMLElement | undefined

/** Returns the focus to that element, for example after a dialog. */
export function focusPlace(): void {
  place?.focus({ preventScroll: true })
}

/** Starts to observe `root`. Returns a function that ends it. */
export function keepFocus(root: HTMLElement): () => void {
  const came = (e: FocusEvent): void => {
    place = e.target instanceof HTMLElement ? e.target : undefined
  }
  const changed = new MutationObserver((records) => {
    if (place === undefined || place.isConnected) return
    place = beside(place, records, root) ?? root.querySelector<HTMLElement>('h1') ?? root
    // Does not take the focus from a dialog.
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
 * Finds a control in what replaced the removed element, or next to it: one with the same text, or the first one.
 * Returns undefined for direct children of `root`, which are whole pages.
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
