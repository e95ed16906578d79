package pgstore

// Migrations are what the tests of other surroundings look at.
var Migrations = migrations
