// Creating the process keyring first in main does not help in Go: threads exist before main, and new ones come from them.
package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
	answers := make(chan error)
	for i := 0; i < 4; i++ {
		go func() {
			runtime.LockOSThread()
			_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, false)
			answers <- err
			select {}
		}()
	}
	for i := 0; i < 4; i++ {
		fmt.Println(<-answers)
	}
}
