module tweendeck.io/bench/cacheserver/load

go 1.25
