// A real S3 server over a directory, for tests: versitygw with one account.
package main

import (
	"log"
	"os"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
)

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: s3-server HOST:PORT DIRECTORY SIDECAR ACCESS SECRET")
	}
	address, directory, sidecar, access, secret := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	// Attributes of files are not there on every file system.
	attributes, err := meta.NewSideCar(sidecar)
	if err != nil {
		log.Fatal(err)
	}
	files, err := posix.New(directory, attributes, posix.PosixOpts{NewDirPerm: 0o700, SideCarDir: sidecar})
	if err != nil {
		log.Fatal(err)
	}
	account := auth.Account{Access: access, Secret: secret, Role: auth.RoleAdmin}
	accounts := auth.NewIAMServiceSingle(account)
	root := middlewares.RootUserConfig{Access: access, Secret: secret}
	server, err := s3api.New(files, root, address, "us-east-1", accounts, nil, nil, nil, nil, s3api.WithQuiet())
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve())
}
