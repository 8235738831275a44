// A cache of PINs in a session keyring, as in ssh-tpm-agent. Debian: apt install golang-go golang-golang-x-sys-dev
package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func main() {
	ring, _ := unix.KeyctlJoinSessionKeyring("agent")
	_, err := unix.KeyctlSearch(ring, "user", "pin", 0) // the fix, not: _, err := unix.RequestKey("user", "pin", "", ring)
	fmt.Println("pin:", err)
}
