// require(), for modules that are needed as a second copy, which import cannot load. The two builds get it differently.
module.exports = require
