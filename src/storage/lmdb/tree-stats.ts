/** How many pages of the file the trees take. */
/** Of one tree; its package does not describe them. */
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
