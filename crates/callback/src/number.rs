//! From a request's number to the dialed string: the rules of callback-api §13.1.
