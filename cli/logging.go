package main

import (
	"log/slog"
	"strings"

	"xylem/configs"
)

// logger writes to standard error as the configuration says.
func (a *app) logger(cfg configs.Log) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	opts := &slog.HandlerOptions{Level: levels[cfg.Level]}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(a.stderr, opts))
}

// quiet is the log of `xylem up`: seven nodes that each say what they do would bury what it shows. The level info is
// raised to warn unless a flag or the environment asks for info.
func (a *app) quiet(cfg configs.Log, flagged bool) configs.Log {
	for _, pair := range a.env {
		flagged = flagged || strings.HasPrefix(pair, "XYLEM_LOG_LEVEL=") && !strings.HasSuffix(pair, "=")
	}
	if cfg.Level == "info" && !flagged {
		cfg.Level = "warn"
	}
	return cfg
}
