declare const nodeRequire: NodeJS.Require
export = nodeRequire
