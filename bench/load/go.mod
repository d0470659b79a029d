module tweendeck.io/bench/load

go 1.25
