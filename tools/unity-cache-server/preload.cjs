// Loaded before the peer's program: what its libraries use of Node, and later versions of Node no longer have.
'use strict';
const util = require('node:util');

util.isArray = Array.isArray;
util.isDate = util.types.isDate;
util.isRegExp = util.types.isRegExp;
