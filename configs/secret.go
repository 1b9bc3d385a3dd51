package configs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// MinSecretBytes is the least length of Auth.ClusterSecret, in bytes: 128 bits
// when they are random.
const MinSecretBytes = 16

// maxSecretBytes bounds what is read of a secret's file, should it be a device.
const maxSecretBytes = 64 << 10

// Secret is text that is shown nowhere: however it is printed, logged or
// marshalled, only whether it is set comes out. Convert it to read it.
type Secret string

// Format writes "[secret]", or nothing for none, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.mask()) }

// LogValue is what a logger shows.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.mask()) }

// MarshalText is what encoders write.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.mask()), nil }

func (s Secret) mask() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// checkSecret reports a secret that is too short, without repeating it.
func checkSecret(secret string) error {
	if len(secret) < MinSecretBytes {
		return fmt.Errorf("too short: allowed are at least %d bytes", MinSecretBytes)
	}
	return nil
}

// checkCredentials reports what is no user and password, without repeating it.
func checkCredentials(text string) error {
	user, password, found := strings.Cut(text, ":")
	if !found || user == "" || password == "" {
		return errors.New("not credentials: allowed is user:password")
	}
	return nil
}

// readSecret reads a secret from a file, less one newline at its end.
func readSecret(path string, check func(string) error) (Secret, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("it cannot be read: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSecretBytes+1))
	if err != nil {
		return "", fmt.Errorf("it cannot be read: %w", err)
	}
	if len(content) > maxSecretBytes {
		return "", errors.New("it holds more than 64 KiB, which is no secret")
	}
	secret, ended := strings.CutSuffix(string(content), "\n")
	if ended {
		secret = strings.TrimSuffix(secret, "\r")
	}
	if err := check(secret); err != nil {
		return "", fmt.Errorf("the secret in it is %w", err)
	}
	return Secret(secret), nil
}
