module tweendeck.io/pause

go 1.24
