// For modules of which only require() lets one have a second copy. The two builds say in different ways where they are.
module.exports = require
