/** Number of pages used by the trees. */
/** Statistics of a tree, which the package's types do not describe. */
interface TreeStats {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

export interface Stats extends TreeStats {
  readonly pageSize: number
  readonly lastPageNumber: number
  readonly free: TreeStats
}

export function statsOf(db: { getStats(): object }): Stats {
  return db.getStats() as Stats
}

export function pagesOf(t: TreeStats): number {
  return t.treeBranchPageCount + t.treeLeafPageCount + t.overflowPages
}
